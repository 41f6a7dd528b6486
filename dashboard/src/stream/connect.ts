// Wires browser, socket and store together; the only place that opens a WebSocket.
import { useActing } from "./acting";
import { heard } from "./actingFrames";
import { session } from "./rest";
import { createSocket, type Socket, type Wire } from "./socket";
import { createSink } from "./store";

export type OpenWire = (query: string) => Wire;

const openBrowserSocket: OpenWire = (query) => {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return new WebSocket(`${scheme}://${location.host}/ws?${query}`) as Wire;
};

async function whyRefused(): Promise<"login" | null> {
  const answer = await session();
  return answer.ok && answer.value.state !== "in" ? "login" : null;
}

/** Opens the stream and keeps it; the returned function ends it. */
export function connect(open: OpenWire = openBrowserSocket): () => void {
  let socket: Socket | null = null;
  const sink = createSink(() => ({ resync: (channel) => socket?.resync(channel) }));
  const mine = createSocket({
    open,
    onFrame: (frame) => {
      const before = useActing.getState();
      const next = heard(before, frame);
      if (next === null) socket?.resync("approvals");
      else if (next !== before) useActing.setState(next);
      sink.onFrame(frame);
    },
    onLink: (link) => {
      // Numbers belong to one connection: the next one begins with a snapshot.
      if (link.state === "lost") useActing.setState({ seq: null });
      sink.onLink(link);
    },
    place: sink.place,
    whyRefused,
  });
  socket = mine;
  const hurry = (): void => mine.hurry();
  const seen = (): void => {
    if (document.hidden) return;
    sink.flush();
    mine.hurry();
  };
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", seen);
  mine.start();
  return () => {
    removeEventListener("online", hurry);
    document.removeEventListener("visibilitychange", seen);
    mine.stop();
    sink.end();
  };
}
