// A question to the person at the screen: the password, once more. One at a time; no answer is a no.
import { create } from "zustand";

interface Fresh {
  /** What it is for; null while nothing is asked. */
  readonly what: string | null;
  readonly answer: (given: boolean) => void;
}

const NOTHING: Fresh = { what: null, answer: () => undefined };

export const useFresh = create<Fresh>(() => NOTHING);

export function askFresh(what: string): Promise<boolean> {
  useFresh.getState().answer(false);
  return new Promise((resolve) => {
    useFresh.setState({
      what,
      answer: (given) => {
        useFresh.setState(NOTHING);
        resolve(given);
      },
    });
  });
}
