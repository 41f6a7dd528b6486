// Which sheet lies over the screen.
import { create } from "zustand";

export type SheetName = "palette" | "help";

export const useSheet = create<{ readonly open: SheetName | null }>(() => ({ open: null }));
export const openSheet = (open: SheetName): void => useSheet.setState({ open });
export const closeSheet = (): void => useSheet.setState({ open: null });
