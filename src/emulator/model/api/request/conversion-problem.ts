import type { Json } from "../json.ts";

/** Why a value is none of a type, in the words of Newtonsoft.Json, with which Azure reads its requests. */
export function conversionProblem(value: Json, type: string): string {
  if (typeof value !== "object" || value === null)
    return `Error converting value ${value === null ? "{null}" : JSON.stringify(value)} to type '${type}'.`;
  const [is, needs] = Array.isArray(value)
    ? ["array (e.g. [1,2,3])", 'object (e.g. {"name":"value"})']
    : ['object (e.g. {"name":"value"})', "array (e.g. [1,2,3])"];
  return (
    `Cannot deserialize the current JSON ${is} into type '${type}' because the type requires a JSON ` +
    `${needs} to deserialize correctly.`
  );
}

/** Why a value is no text; undefined if it can be read as one, as numbers and truth values can. */
export function textProblem(value: Json | undefined): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return `Error reading string. Unexpected token: ${tokenOf(value)}.`;
}

/** The same for a whole number. */
export function integerProblem(value: Json | undefined): string | undefined {
  if (value === undefined || value === null || Number.isInteger(value)) return undefined;
  if (typeof value === "number") return `Input string '${value}' is not a valid integer.`;
  if (typeof value === "string")
    return /^[+-]?\d+$/.test(value.trim()) ? undefined : `Could not convert string to integer: ${value}.`;
  return `Error reading integer. Unexpected token: ${tokenOf(value)}.`;
}

/** The same for a number, which may be in quotes; an empty text is none. */
export function numberProblem(value: Json): string | undefined {
  if (typeof value === "number" || (typeof value === "string" && isNumberText(value))) return undefined;
  return typeof value === "string"
    ? `Could not convert string to integer: ${value}.`
    : `Error reading integer. Unexpected token: ${tokenOf(value)}.`;
}

function isNumberText(text: string): boolean {
  return text.trim() === "" || !Number.isNaN(Number(text));
}

/** The same for a truth value. Newtonsoft.Json also takes a number for one. */
export function booleanProblem(value: Json): string | undefined {
  if (typeof value === "boolean" || typeof value === "number") return undefined;
  if (typeof value === "string")
    return /^(?:|true|false)$/i.test(value.trim())
      ? undefined
      : `Could not convert string to boolean: ${value}.`;
  return `Error reading boolean. Unexpected token: ${tokenOf(value)}.`;
}

/** How much of a value its reader has read when it refuses it. */
export function charactersRead(value: Json): number {
  return typeof value === "object" && value !== null ? 1 : JSON.stringify(value).length;
}

function tokenOf(value: Json): string {
  if (typeof value === "boolean") return "Boolean";
  return Array.isArray(value) ? "StartArray" : "StartObject";
}
