// Writes .gz and .br beside every text asset, so that the web server compresses nothing at run time.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const ROOT = new URL("../dist", import.meta.url).pathname;
const TEXT = /\.(?:js|css|html|svg|json|webmanifest)$/;
const SMALLEST_WORTH_IT_BYTES = 512;

function* files(dir) {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else yield path;
  }
}

for (const path of files(ROOT)) {
  if (!TEXT.test(path)) continue;
  const raw = readFileSync(path);
  if (raw.length < SMALLEST_WORTH_IT_BYTES) continue;
  writeFileSync(`${path}.gz`, gzipSync(raw, { level: 9 }));
  writeFileSync(`${path}.br`, brotliCompressSync(raw, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}
