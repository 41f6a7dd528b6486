// Numbers and times as words, the same everywhere. Unknown is "—": never NaN, Infinity, -0 or "undefined".

export const UNKNOWN = "—";
/** Thin space between a number and its unit. */
const THIN = "\u2009";

type Maybe = number | null | undefined;

const known = (v: Maybe): v is number => typeof v === "number" && Number.isFinite(v);

/** `-0` reads as a fault. */
const plain = (v: number, digits: number): string => {
  const text = v.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text;
};

export interface Amount {
  readonly value: string;
  readonly unit: string;
}

const NOTHING: Amount = { value: UNKNOWN, unit: "" };

/** A ratio 0..1 in whole percent. */
export function percent(ratio: Maybe): string {
  return known(ratio) ? plain(Math.min(999, Math.max(0, ratio * 100)), 0) : UNKNOWN;
}

export function percentUnit(ratio: Maybe): string {
  return known(ratio) ? `${percent(ratio)}${THIN}%` : UNKNOWN;
}

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;
const STEP = 1024;

function binaryScale(bytes: number): number {
  let scale = 0;
  for (let left = Math.abs(bytes); left >= STEP * 0.9995 && scale < BINARY.length - 1; left /= STEP) scale++;
  return scale;
}

const digitsFor = (v: number): number => (Math.abs(v) >= 99.95 ? 0 : 1);

export function bytes(v: Maybe): Amount {
  if (!known(v)) return NOTHING;
  const scale = binaryScale(v);
  const n = v / STEP ** scale;
  return { value: plain(n, scale === 0 ? 0 : digitsFor(n)), unit: BINARY[scale] ?? "B" };
}

export function bytesText(v: Maybe): string {
  const a = bytes(v);
  return a.unit ? `${a.value}${THIN}${a.unit}` : a.value;
}

/** "14.6 / 24.0 GiB": both in the unit of the total. */
export function bytesOf(used: Maybe, total: Maybe): Amount {
  if (!known(total) || total <= 0) return known(used) ? bytes(used) : NOTHING;
  const scale = binaryScale(total);
  const whole = total / STEP ** scale;
  const part = known(used) ? plain(used / STEP ** scale, scale === 0 ? 0 : digitsFor(whole)) : UNKNOWN;
  return {
    value: `${part}${THIN}/${THIN}${plain(whole, scale === 0 ? 0 : digitsFor(whole))}`,
    unit: BINARY[scale] ?? "B",
  };
}

const BITS = ["b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s"] as const;

/** Bytes a second, shown in bits as networks are. */
export function rate(bps: Maybe): Amount {
  if (!known(bps)) return NOTHING;
  let n = Math.max(0, Math.min(bps, Number.MAX_VALUE / 8) * 8);
  let scale = 0;
  while (n >= 999.5 && scale < BITS.length - 1) {
    n /= 1000;
    scale++;
  }
  return { value: plain(n, scale === 0 || n >= 99.95 ? 0 : 1), unit: BITS[scale] ?? "b/s" };
}

export function rateText(bps: Maybe): string {
  const a = rate(bps);
  return a.unit ? `${a.value}${THIN}${a.unit}` : a.value;
}

export function decimal(v: Maybe, digits: number): string {
  return known(v) ? plain(v, digits) : UNKNOWN;
}

export function celsius(v: Maybe): string {
  return known(v) ? `${plain(v, 0)}${THIN}°C` : UNKNOWN;
}

/** The daemon's reasons end without a stop, so that a sentence can go on after them. */
export function ended(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "0.4 s", "14 s", "3 min", "3 h 12 min", "41 d". */
export function duration(ms: Maybe): string {
  if (!known(ms)) return UNKNOWN;
  const t = Math.max(0, ms);
  if (t < 9950) return `${plain(t / SECOND, 1)}${THIN}s`;
  if (t < MINUTE) return `${Math.floor(t / SECOND)}${THIN}s`;
  if (t < HOUR) return `${Math.floor(t / MINUTE)}${THIN}min`;
  if (t < DAY) {
    const minutes = Math.floor((t % HOUR) / MINUTE);
    return `${Math.floor(t / HOUR)}${THIN}h${minutes > 0 ? ` ${minutes}${THIN}min` : ""}`;
  }
  return `${Math.floor(t / DAY)}${THIN}d`;
}

/** As `duration`, only the largest unit: for narrow columns. */
export function durationShort(ms: Maybe): string {
  return duration(ms).replace(/ .*$/, "");
}

const clockFormat = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const minuteFormat = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const dayFormat = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const stampFormat = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** The range `Date` can hold. */
const TIME_MAX_MS = 8.64e15;
const moment = (ms: Maybe): ms is number => known(ms) && Math.abs(ms) <= TIME_MAX_MS;

export const clock = (ms: Maybe): string => (moment(ms) ? clockFormat.format(ms) : UNKNOWN);
export const clockMinute = (ms: Maybe): string => (moment(ms) ? minuteFormat.format(ms) : UNKNOWN);
export const day = (ms: Maybe): string => (moment(ms) ? dayFormat.format(ms).replace(",", "") : UNKNOWN);
export const stamp = (ms: Maybe): string => (moment(ms) ? stampFormat.format(ms).replace(",", "") : UNKNOWN);
export const utc = (ms: Maybe): string =>
  moment(ms) ? `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC` : UNKNOWN;

export const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** used / total, when both are known and there is a total. */
export function ratio(used: Maybe, total: Maybe): number | null {
  return known(used) && known(total) && total > 0 ? used / total : null;
}
