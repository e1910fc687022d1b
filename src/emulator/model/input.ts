import * as z from "zod";
import { isObject, type Json } from "./api/json.ts";
import { pathText } from "./api/request/body-position.ts";

/** What a user has written into a scenario or sent to the admin API, or the sentence that refuses it. */
export type Input<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

/** A refusal. */
export function wrong(reason: string): Input<never> {
  return { ok: false, reason };
}

/** Longest value that a refusal quotes, in characters. */
const QUOTED_MAX = 100;

/**
 * Reads an object; a failure names the first member at fault, with what it can be. A member that is null, as
 * of a YAML key without a value, counts as absent, and an absent one as in `defaults`.
 */
export function readInput<T>(
  what: string,
  schema: z.ZodType<T>,
  input: Json | undefined,
  defaults: { readonly [member: string]: Json | undefined } = {},
): Input<T> {
  if (!isObject(input))
    return wrong(`${what}: this is an object; got ${JSON.stringify(input ?? null).slice(0, QUOTED_MAX)}`);
  const stated = Object.entries(input).filter(([, value]) => value !== null);
  const absent = Object.entries(defaults).filter(([, value]) => value !== undefined);
  const read = schema.safeParse(Object.fromEntries([...absent, ...stated]), { reportInput: true });
  if (read.success) return { ok: true, value: read.data };
  return wrong(reasonOf(what, read.error.issues[0]));
}

function reasonOf(what: string, issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) throw new Error(`${what} was refused without a reason`);
  const path = issue.path.map((step) => (typeof step === "number" ? step : String(step)));
  if (issue.code === "unrecognized_keys")
    return `'${pathText([...path, issue.keys[0] ?? ""])}' is not a member of ${what}; ${issue.message}`;
  const input = issue.input as Json | undefined;
  // Of an object of no known kind, the path leads to its kind.
  const isOfNoKind = issue.code === "invalid_union" && issue.discriminator !== undefined && isObject(input);
  const got = isOfNoKind ? input["kind"] : input;
  return got === undefined
    ? `'${pathText(path)}' is missing in ${what}; it ${issue.message}`
    : `${what}: '${pathText(path)}' ${issue.message}; got ${JSON.stringify(got).slice(0, QUOTED_MAX)}`;
}

/** An object that has these members, and no others. */
export function members<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const names = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: ({ code }) => (code === "unrecognized_keys" ? `it has ${names}` : "is an object"),
  });
}

/** An object that has any of these members. */
export function someOf<Name extends string, T>(
  names: readonly Name[],
  value: z.ZodType<T>,
): z.ZodType<Partial<Record<Name, T>>> {
  const shape = Object.fromEntries(names.map((name) => [name, z.exactOptional(value)]));
  // Each member has one of the names, and is a value or absent.
  return members(shape) as unknown as z.ZodType<Partial<Record<Name, T>>>;
}

/** One object of several kinds, as its `kind` says. */
export function oneOfKinds<Kinds extends readonly [KindOf, ...KindOf[]]>(
  kinds: Kinds,
): z.ZodDiscriminatedUnion<Kinds, "kind"> {
  const names = kinds.map(({ shape }) => shape.kind.value).join(", ");
  return z.discriminatedUnion("kind", kinds, {
    error: ({ code }) =>
      code === "invalid_union" ? `is one of ${names}` : `is an object with a kind: ${names}`,
  });
}

type KindOf = z.ZodObject<
  { readonly kind: z.ZodLiteral<string>; readonly [member: string]: z.ZodType },
  z.core.$strict
>;

export const text = z.string("is a text");

/** A truth value. */
export const flag = z.boolean("is true or false");

/** A value that is not read here. */
export const anyValue = z.custom<Json>((value) => value !== undefined, "is a value");

/** A number in this range. */
export function number(min: number, max = Infinity): z.ZodNumber {
  return inRange(z.number, "a number", min, max);
}

/** The same without a fraction. */
export function whole(min: number, max = Infinity): z.ZodNumber {
  return inRange(z.int, "a whole number", min, max);
}

function inRange(type: (error: string) => z.ZodNumber, what: string, min: number, max: number): z.ZodNumber {
  const error = `is ${what}${min === -Infinity ? "" : ` from ${min}`}${max === Infinity ? "" : ` to ${max}`}`;
  return type(error).min(min, error).max(max, error);
}

export function choice<const Texts extends readonly string[]>(texts: Texts): z.ZodType<Texts[number]> {
  return z.enum(texts, `is one of ${texts.join(", ")}`);
}

export function listOf<T>(item: z.ZodType<T>): z.ZodType<readonly T[]> {
  return z.array(item, "is a list");
}

/** An object from any name to a value. */
export function recordOf<T>(value: z.ZodType<T>): z.ZodType<Readonly<Record<string, T>>> {
  return z.record(z.string(), value, "is an object");
}
