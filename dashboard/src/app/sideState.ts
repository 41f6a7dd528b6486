// Whether the third column lies over the others, where the screen has no room for it beside them.
import { create } from "zustand";

export const useSide = create<{ readonly open: boolean }>(() => ({ open: false }));
export const openSide = (): void => useSide.setState({ open: true });
export const closeSide = (): void => useSide.setState({ open: false });
