import { mutations } from "../../mutations/mutations.ts";
import type { DirectedStorm } from "./directed-storm.ts";
import { ownStorms } from "./own-storms.ts";

/**
 * The storm of that name: one of `ownStorms`, or that of a mutation. Throws with all names where there is
 * none.
 */
export function stormNamed(name: string): DirectedStorm {
  const storm = ownStorms[name] ?? mutations.find((mutation) => mutation.name === name)?.storm;
  if (storm !== undefined) return storm;
  const names = [...Object.keys(ownStorms), ...mutations.map((mutation) => mutation.name)];
  throw new RangeError(`there is no storm ${name}: ${names.join(", ")}`);
}
