import { ok, type Result } from "../../core/failure/result.ts";
import type { Kind, KindMap, ObjectStore } from "../../ports/store/object-store.ts";
import type { WriteRequest } from "./decide-write.ts";

/** The verbs of an object store that write, by the one way in which it takes writes. */
export function writeVerbs(
  write: <K extends Kind>(
    request: WriteRequest & { readonly kind: K },
    signal: AbortSignal,
  ) => Promise<Result<KindMap[K]>>,
): Pick<ObjectStore, "create" | "update" | "updateStatus" | "delete"> {
  return {
    create: (kind, object, signal) =>
      write({ verb: "create", kind, name: object.metadata.name, object }, signal),
    update: (kind, object, signal) =>
      write({ verb: "update", kind, name: object.metadata.name, object }, signal),
    updateStatus: (kind, object, signal) =>
      write({ verb: "updateStatus", kind, name: object.metadata.name, object }, signal),
    delete: async (kind, name, { uid, resourceVersion }, signal) => {
      const deleted = await write({ verb: "delete", kind, name, uid, resourceVersion }, signal);
      return deleted.ok ? ok(undefined) : deleted;
    },
  };
}
