// The worker's side of the reactor: a canvas comes once, looks come as they change.
import { type Look, Reactor } from "./reactor";

export type ToWorker =
  | { readonly type: "begin"; readonly canvas: OffscreenCanvas; readonly labelFont: string }
  | { readonly type: "look"; readonly look: Look };

let reactor: Reactor | null = null;

addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === "look") {
    reactor?.show(data.look);
    return;
  }
  reactor = new Reactor(data.canvas);
  // A worker has fonts of its own; without this one a label is in the system's.
  const font = new FontFace("Barlow Condensed", `url(${data.labelFont})`, { weight: "600" });
  void font.load().then(
    () => (self as unknown as { fonts: FontFaceSet }).fonts.add(font),
    () => undefined,
  );
});
