const DAY_MS = 86_400_000;

/**
 * `2026-11-20T09:35:12.3459126+00:00`, as Azure writes times: seven digits of the second, without the zeros
 * at their end. The model may not use `Date`, so that it can't read the wall clock. The calendar is computed
 * with eras of 400 years that begin on 1 March, which puts the leap day at the end of a year.
 */
export function isoTime(epochMs: number): string {
  const days = Math.floor(epochMs / DAY_MS);
  const msOfDay = Math.floor(epochMs - days * DAY_MS);
  const { year, month, day } = civilDate(days);
  const time = [
    Math.floor(msOfDay / 3_600_000),
    Math.floor(msOfDay / 60_000) % 60,
    Math.floor(msOfDay / 1000) % 60,
  ]
    .map((part) => padded(part, 2))
    .join(":");
  const fraction = `${padded(msOfDay % 1000, 3)}${padded(belowMs(msOfDay), 4)}`.replace(/0+$/u, "");
  const second = fraction === "" ? time : `${time}.${fraction}`;
  return `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}T${second}+00:00`;
}

/**
 * What follows the milliseconds. The model's clock has none of it: any digits do that are the same for the
 * same millisecond, so that equal times stay equal and later ones later.
 */
function belowMs(msOfDay: number): number {
  return (msOfDay * 7919 + 9126) % 10_000;
}

const WEEKDAYS = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `Fri, 20 Nov 2026 09:35:12 GMT`, as HTTP writes times. 1 January 1970 was a Thursday. */
export function httpTime(epochMs: number): string {
  const days = Math.floor(epochMs / DAY_MS);
  const { year, month, day } = civilDate(days);
  const time = isoTime(epochMs).slice(11, 19);
  return `${WEEKDAYS[days % 7]}, ${padded(day, 2)} ${MONTHS[month - 1]} ${padded(year, 4)} ${time} GMT`;
}

function civilDate(daysSinceEpoch: number): { year: number; month: number; day: number } {
  const shifted = daysSinceEpoch + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

function padded(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
