// The order of names, the same everywhere: as people count, so that pve2 comes before pve10.
const collator = new Intl.Collator(undefined, { numeric: true });

export const byName: (a: string, b: string) => number = collator.compare;
