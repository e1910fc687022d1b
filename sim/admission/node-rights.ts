import type { WriteRequest } from "../../src/adapters/object-semantics/decide-write.ts";
import type { Kind } from "../../src/ports/store/object-store.ts";

type Verb = WriteRequest["verb"];

/**
 * What the chart's role gives a node's token (`deploy/chart/templates/node-rbac.yaml`), as far as it
 * writes.
 */
const rights: Readonly<Partial<Record<Kind, readonly Verb[]>>> = {
  AzVolume: ["updateStatus"],
  AzVolumeAttachment: ["update", "updateStatus"],
  AzDriverNode: ["create", "updateStatus"],
};

/** Why a node's token has no right to write that at all, whatever the object says; undefined: it has. */
export function nodeForbidden(
  { verb, kind }: { readonly verb: Verb; readonly kind: Kind },
  attach: "kubernetes" | "driver",
): string | undefined {
  const isOwnWant = attach === "driver" && kind === "AzVolumeAttachment" && verb === "create";
  return isOwnWant || rights[kind]?.includes(verb) === true
    ? undefined
    : `a node has no right to ${verb} ${kind}`;
}
