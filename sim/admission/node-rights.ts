import type { WriteRequest } from "../../src/adapters/object-semantics/decide-write.ts";
import type { Kind } from "../../src/ports/store/object-store.ts";

type Verb = WriteRequest["verb"];

/**
 * The write permissions that the chart's role gives to a node's token
 * (`deploy/chart/templates/node-rbac.yaml`).
 */
const rights: Readonly<Partial<Record<Kind, readonly Verb[]>>> = {
  AzVolume: ["updateStatus"],
  AzVolumeAttachment: ["update", "updateStatus"],
  AzDriverNode: ["create", "updateStatus"],
};

/**
 * Why the role of a node's token forbids the write whatever the object contains; undefined if it permits
 * it.
 */
export function nodeForbidden(
  { verb, kind }: { readonly verb: Verb; readonly kind: Kind },
  attach: "kubernetes" | "driver",
): string | undefined {
  const isOwnRequest = attach === "driver" && kind === "AzVolumeAttachment" && verb === "create";
  return isOwnRequest || rights[kind]?.includes(verb) === true
    ? undefined
    : `a node has no right to ${verb} ${kind}`;
}
