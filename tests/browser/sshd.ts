// A real OpenSSH server on loopback with keys of its own, and the daemon's settings for it.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

export interface Sshd {
  /** Further lines of jarvisd.toml. */
  readonly settings: readonly string[];
  readonly dir: string;
  stop(): void;
}

const freePort = (): Promise<number> =>
  new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address ? address.port : 0));
    });
  });

const listens = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      done(true);
    });
    socket.on("error", () => done(false));
  });

/** For these nodes, all of them this machine. */
export async function startSshd(nodes: readonly string[], terminal: readonly string[] = []): Promise<Sshd> {
  const dir = mkdtempSync(join(tmpdir(), "jarvis-sshd-"));
  const at = (name: string): string => join(dir, name);
  const port = await freePort();
  for (const key of ["host", "user"]) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(key)]);
  writeFileSync(at("authorized"), readFileSync(at("user.pub")));
  const lines = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${at("host")}`,
    `AuthorizedKeysFile ${at("authorized")}`,
    "PidFile none",
    "UsePAM no",
    "PasswordAuthentication no",
    "StrictModes no",
    "PermitRootLogin yes",
    "PermitUserRC no",
    // Debian's own.
    "AcceptEnv LANG LC_*",
    "LogLevel ERROR",
  ];
  writeFileSync(at("config"), `${lines.join("\n")}\n`);
  writeFileSync(at("known_hosts"), `[127.0.0.1]:${port} ${readFileSync(at("host.pub"), "utf8")}`);
  try {
    mkdirSync("/run/sshd", { recursive: true });
  } catch {
    // Only root's server needs it, and root may make it.
  }
  const child = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", at("config")], { stdio: "ignore" });
  for (let n = 0; !(await listens(port)); n++) {
    if (n > 200) throw new Error("sshd does not listen; is openssh-server installed?");
    await new Promise((next) => setTimeout(next, 50));
  }
  const text = JSON.stringify;
  return {
    dir,
    settings: [
      "[ssh]",
      `user = ${text(userInfo().username)}`,
      `key_file = ${text(at("user"))}`,
      `known_hosts_file = ${text(at("known_hosts"))}`,
      ...nodes.flatMap((name) => ["[[ssh.nodes]]", `name = ${text(name)}`, 'host = "127.0.0.1"', `port = ${port}`]),
      "[terminal]",
      ...terminal,
    ],
    stop() {
      child.kill("SIGTERM");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
