import { type ArmFailure, armErrors } from "../api/errors.ts";
import { textAt } from "../api/json.ts";
import { keyOf, parseResourceId, sameId } from "../api/resource/resource-id.ts";
import type { ProvisioningState } from "../disk/disk.ts";
import type { Protection } from "../disk/protection.ts";
import type { World } from "../world.ts";
import { LINKED_TYPES, type LinkedResource, type LinkedType } from "./linked-resource.ts";

/** The ids of the disks and snapshots that refer to it. */
export function disksLinkedTo(world: World, { type, id }: LinkedResource): readonly string[] {
  return [
    ...[...world.disks.values()].map((disk) => ({ id: disk.id, protection: disk.spec })),
    ...world.snapshots.values(),
  ]
    .filter(({ protection: { diskAccessId, encryption } }) => {
      const linked = type === "diskAccesses" ? diskAccessId : encryption["diskEncryptionSetId"];
      return typeof linked === "string" && sameId(linked, id);
    })
    .map((found) => found.id);
}

/** Refuses a protection that names an encryption set or a disk access which does not exist. */
export function checkLinks(
  world: World,
  { encryption, diskAccessId }: Pick<Protection, "encryption" | "diskAccessId">,
): ArmFailure | undefined {
  const diskEncryptionSets = textAt(encryption, "diskEncryptionSetId");
  const missing = missingLink(world, { diskEncryptionSets, diskAccesses: diskAccessId });
  return missing === undefined ? undefined : armErrors.linkedResourceNotFound(missing);
}

/** States in which a disk can name it. */
const USABLE: readonly ProvisioningState[] = ["Succeeded", "Updating"];

/** The first of these ids that names no usable resource of its type, as messages name it; undefined: none. */
function missingLink(
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
