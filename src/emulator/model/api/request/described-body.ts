import { normalLocation } from "../../world.ts";
import { isObject, type Json } from "../json.ts";
import { choiceOf } from "./choice.ts";
import { DISK_ENUMERATIONS, ENUMERATIONS } from "./enumerations.ts";
import { MEMBER_NAMES } from "./member-names.ts";
import { BOOLEAN_MEMBERS, NUMBER_MEMBERS } from "./member-values.ts";

/** `operation` is that of a PATCH of tags, which the compute provider does not read. */
const SPELLINGS: ReadonlyMap<string, string> = new Map(
  [...MEMBER_NAMES, "operation"].map((name) => [name.toLowerCase(), name]),
);
const NUMBERS = new Set(NUMBER_MEMBERS);
const BOOLEANS = new Set(BOOLEAN_MEMBERS);
const CHOICES = new Map<string, readonly string[]>(Object.entries({ ...ENUMERATIONS, ...DISK_ENUMERATIONS }));

/** Members whose own members a client names: those keep their case and their quotes. */
export const FREE_FORM: readonly string[] = [
  "tags",
  "userAssignedIdentities",
  "settings",
  "protectedSettings",
];

/**
 * A request's body as Azure's description has it: its members in that spelling, and numbers and truth values
 * without the quotes that Azure's own templates have (`"diskSizeGB": "1023"`). Azure binds members without
 * regard to case, as Newtonsoft.Json does, where of two that differ only in case the last one counts
 * (JamesNK/Newtonsoft.Json#1571). It has no member that the description lacks, a number among the zones is a
 * text, and the name of a region is as Azure answers it. An empty choice is none, as Newtonsoft.Json has it:
 * Terraform's azurerm_managed_disk sends `"osType": ""`.
 */
export function asDescribed(body: Json | undefined): Json | undefined {
  if (Array.isArray(body)) return body.map((element: Json) => asDescribed(element) ?? null);
  if (!isObject(body)) return body;
  return Object.fromEntries(
    Object.entries(body).flatMap(([sent, value]) => {
      const name = SPELLINGS.get(sent.toLowerCase());
      return name === undefined || (value === "" && CHOICES.has(name))
        ? []
        : [[name, FREE_FORM.includes(name) ? value : valueOf(name, value)]];
    }),
  );
}

function valueOf(name: string, value: Json | undefined): Json | undefined {
  if (name === "zones" && Array.isArray(value))
    return value.map((zone: Json) => (typeof zone === "number" ? String(zone) : zone));
  if (typeof value !== "string") return asDescribed(value);
  return name === "location" ? normalLocation(value) : unquoted(name, value);
}

function unquoted(name: string, text: string): Json {
  if (NUMBERS.has(name) && /^-?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  const choices = CHOICES.get(name);
  if (choices !== undefined) return choiceOf(choices, text) ?? text;
  if (BOOLEANS.has(name) && /^(?:true|false)$/i.test(text)) return text.toLowerCase() === "true";
  return text;
}
