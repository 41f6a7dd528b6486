// What the sheet of acting shows: a deed on its way to being asked for, or one approval.
import { create } from "zustand";
import type { Deed } from "./actions";

export type ActSheetContent =
  | { readonly kind: "deed"; readonly deed: Deed }
  | { readonly kind: "approval"; readonly id: string }
  | { readonly kind: "containers" }
  | { readonly kind: "release" };

export const useActSheet = create<{ readonly open: ActSheetContent | null }>(() => ({ open: null }));

const LINK = /^#\/approvals\/([^/]+)$/;

/** The link in a notification: `/#/approvals/ID`. */
export function linkedApproval(hash: string): string | null {
  const [, id] = hash.match(LINK) ?? [];
  if (!id) return null;
  try {
    return decodeURIComponent(id);
  } catch {
    return null;
  }
}

export function openAct(open: ActSheetContent): void {
  useActSheet.setState({ open });
}

export function closeAct(): void {
  useActSheet.setState({ open: null });
  if (linkedApproval(location.hash) !== null)
    history.replaceState(null, "", location.pathname + location.search);
}

/** Opens what the address asks for, now and whenever it changes. */
export function followLink(): () => void {
  const look = (): void => {
    const id = linkedApproval(location.hash);
    if (id !== null) openAct({ kind: "approval", id });
  };
  look();
  addEventListener("hashchange", look);
  return () => removeEventListener("hashchange", look);
}
