import type { Failure } from "../../core/failure/failure.ts";
import { fail } from "../../core/failure/result.ts";
import { attachmentName } from "../../core/testing/objects.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import type { ReconcileWorld } from "./a-controller.ts";

/**
 * The controller's store, which takes no status of a node's attachment, and the name of that. `failure`: of
 * such a write; it is refused for good if left out.
 */
export function storeRefusing(
  { ports: { store } }: ReconcileWorld,
  nodeName: string,
  failure?: Failure,
): { readonly store: ObjectStore; readonly name: string } {
  const name = attachmentName(nodeName);
  return {
    name,
    store: {
      ...store,
      updateStatus: (kind, object, signal) =>
        kind === "AzVolumeAttachment" && object.metadata.name === name
          ? Promise.resolve(fail(failure ?? { kind: "ObjectInvalid", objectKind: kind, name, problem: "" }))
          : store.updateStatus(kind, object, signal),
    },
  };
}
