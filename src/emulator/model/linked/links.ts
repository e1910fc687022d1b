import { keyOf, parseResourceId, sameId } from "../api/resource/resource-id.ts";
import type { ProvisioningState } from "../disk/disk.ts";
import type { World } from "../world.ts";
import { LINKED_TYPES, type LinkedResource, type LinkedType } from "./linked-resource.ts";

/** The ids of the disks that refer to it. */
export function disksLinkedTo(world: World, { type, id }: LinkedResource): readonly string[] {
  return [...world.disks.values()]
    .filter(({ spec }) => {
      const linked = type === "diskAccesses" ? spec.diskAccessId : spec.encryption["diskEncryptionSetId"];
      return typeof linked === "string" && sameId(linked, id);
    })
    .map((disk) => disk.id);
}

/** States in which a disk can name it. */
const USABLE: readonly ProvisioningState[] = ["Succeeded", "Updating"];

/** The first of these ids that names no usable resource of its type, as messages name it; undefined: none. */
export function missingLink(
  world: World,
  links: Readonly<Record<LinkedType, string | undefined>>,
): string | undefined {
  for (const type of LINKED_TYPES) {
    const id = links[type];
    if (id === undefined) continue;
    const found = world.linkedResources.get(keyOf(id));
    if (found?.type !== type || !USABLE.includes(found.provisioningState))
      return `${type}/${parseResourceId(id)?.name ?? id}`;
  }
  return undefined;
}
