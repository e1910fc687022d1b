import { isRecord } from "../../core/primitives/is-record.ts";

/** A parsed JSON object. */
export type Wire = Readonly<Record<string, unknown>>;

/** The members of an object. */
export function object(value: unknown): Wire {
  return isRecord(value) ? value : {};
}

/** The items of a list. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The texts among the items of a list. */
export function texts(value: unknown): readonly string[] {
  return list(value).filter((item) => typeof item === "string");
}

/** A text, or the empty one. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A text that is not empty. */
export function optionalText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A number. */
export function optionalNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** A number, or `otherwise`. */
export function number(value: unknown, otherwise: number): number {
  return optionalNumber(value) ?? otherwise;
}
