import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { Kind, KindMap, LabelSelector } from "../../ports/store/object-store.ts";
import { matchesSelector } from "./select-event.ts";
import { asKind, type StoredObject } from "./stored-object.ts";

interface PresentObjects {
  readonly version: () => number;
  readonly object: (kind: Kind, name: string) => StoredObject | undefined;
  readonly objects: (kind: Kind) => readonly StoredObject[];
}

/** The answer to a get. Fails with `ObjectNotFound`. */
export function getFrom<K extends Kind>(present: PresentObjects, kind: K, name: string): Result<KindMap[K]> {
  const object = present.object(kind, name);
  return object === undefined
    ? fail({ kind: "ObjectNotFound", objectKind: kind, name })
    : ok(asKind<K>(object));
}

/** The answer to a list. */
export function listFrom<K extends Kind>(
  present: PresentObjects,
  kind: K,
  selector: LabelSelector,
): Result<{ readonly items: readonly KindMap[K][]; readonly resourceVersion: string }> {
  const selected = present.objects(kind).filter(({ metadata }) => matchesSelector(metadata.labels, selector));
  return ok({
    items: selected.map((object) => asKind<K>(object)),
    resourceVersion: String(present.version()),
  });
}

/** The number of a version that a client states; NaN if no store has given it out. */
export function versionOf(resourceVersion: string): number {
  return /^\d+$/.test(resourceVersion) ? Number(resourceVersion) : Number.NaN;
}
