const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** An ISO 8601 duration of days, hours, minutes and seconds in milliseconds; undefined if it is none. */
export function durationMs(text: string): number | undefined {
  const [, days, time, hours, minutes, seconds] =
    /^P(?:(\d+)D)?(T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(text) ?? [];
  const parts = [days, hours, minutes, seconds];
  if (time === "T" || parts.every((part) => part === undefined)) return undefined;
  const [d = 0, h = 0, m = 0, s = 0] = parts.map((part) => Number(part ?? 0));
  return d * DAY_MS + h * HOUR_MS + m * MINUTE_MS + s * SECOND_MS;
}
