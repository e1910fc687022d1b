import { messageOf } from "../core/failure/message-of.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import { isRecord } from "../core/primitives/is-record.ts";

/** A struct of Go as its JSON has it. */
export type GoObject = Readonly<Record<string, unknown>>;

/** Reads one. The failure says what is wrong with the text. */
export function parseGoObject(text: string): Result<GoObject, string> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? ok(value) : fail("the body is not an object");
  } catch (error) {
    return fail(`the body is not JSON: ${messageOf(error)}`);
  }
}

/** A field. Go writes the structs' own names and reads them in any case: so does this. */
export function fieldOf(object: GoObject, name: string): unknown {
  if (name in object) return object[name];
  const key = Object.keys(object).find((other) => other.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : object[key];
}
