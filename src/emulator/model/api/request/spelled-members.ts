import { isObject, type Json } from "../json.ts";
import { MEMBER_NAMES } from "./member-names.ts";

const SPELLINGS: ReadonlyMap<string, string> = new Map(
  MEMBER_NAMES.map((name) => [name.toLowerCase(), name]),
);

/** Members whose own members a client names: those keep their case. */
const FREE_FORM: readonly string[] = ["tags", "userAssignedIdentities", "settings", "protectedSettings"];

/**
 * A request's body with its members in the spelling of Azure's description. Azure binds them without regard
 * to case, as Newtonsoft.Json does, where of two that differ only in case the last one counts
 * (JamesNK/Newtonsoft.Json#1571). An unknown member stays as it is, with all that it has.
 */
export function withSpelledMembers(body: Json | undefined): Json | undefined {
  if (Array.isArray(body)) return body.map((element: Json) => withSpelledMembers(element) ?? null);
  if (!isObject(body)) return body;
  return Object.fromEntries(
    Object.entries(body).map(([sent, value]) => {
      const name = SPELLINGS.get(sent.toLowerCase());
      if (name === undefined) return [sent, value];
      return [name, FREE_FORM.includes(name) ? value : withSpelledMembers(value)];
    }),
  );
}
