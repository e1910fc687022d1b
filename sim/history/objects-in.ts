import { asKind } from "../../src/adapters/object-semantics/stored-object.ts";
import type { SimulatedCommit } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { Kind, KindMap } from "../../src/ports/store/object-store.ts";

/** The object before and after a commit, if it is of that kind. */
export function objectsIn<K extends Kind>(
  { kind, before, after }: Pick<SimulatedCommit, "kind" | "before" | "after">,
  wanted: K,
): { readonly before?: KindMap[K] | undefined; readonly after?: KindMap[K] | undefined } {
  return kind === wanted ? { before: before && asKind<K>(before), after: after && asKind<K>(after) } : {};
}
