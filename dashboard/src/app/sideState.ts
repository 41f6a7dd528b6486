// Whether the third column lies over the others, where the screen has no room for it beside them.
import { create } from "zustand";

export const useSide = create<{ readonly open: boolean }>(() => ({ open: false }));

/** As in the style sheet. */
const FOLDED_QUERY = "(min-width: 861px) and (max-width: 1180px)";
export const isFolded = (): boolean => matchMedia(FOLDED_QUERY).matches;

/** Elsewhere it is on the screen already. */
export function openSide(): void {
  if (isFolded()) useSide.setState({ open: true });
}
export const closeSide = (): void => useSide.setState({ open: false });
