import { parseResourceId, sameId } from "../api/resource-id.ts";
import type { World } from "../world.ts";
import type { LinkedResource, LinkedType } from "./linked-resource.ts";

/** The ids of the disks that refer to it. */
export function disksLinkedTo(world: World, { type, id }: LinkedResource): readonly string[] {
  return [...world.disks.values()]
    .filter(({ spec }) => {
      const linked = type === "diskAccesses" ? spec.diskAccessId : spec.encryption["diskEncryptionSetId"];
      return typeof linked === "string" && sameId(linked, id);
    })
    .map((disk) => disk.id);
}

/** The first of these ids that names no such resource, as messages name it; undefined: all exist. */
export function missingLink(
  world: World,
  links: Readonly<Partial<Record<LinkedType, string | undefined>>>,
): string | undefined {
  for (const [type, id] of Object.entries(links)) {
    if (id === undefined || world.linkedResources.has(id.toLowerCase())) continue;
    return `${type}/${parseResourceId(id)?.name ?? id}`;
  }
  return undefined;
}
