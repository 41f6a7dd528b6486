// Text that others wrote, as it may stand among words of ours.

/** Characters that turn the text round them, hide in it or break it; what joins emoji is none. */
const DECEIVING = /(?!\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A name must not rewrite the sentence it stands in. That something was there stays visible. */
export const plain = (text: string): string => text.replace(DECEIVING, "\ufffd");
