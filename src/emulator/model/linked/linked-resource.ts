import type { JsonObject } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import type { NamedAddress } from "../api/resource/resource-id.ts";
import type { ProvisioningState } from "../disk/disk.ts";

/** Resources that disks refer to by their ids: the keys of an encryption, and private endpoints. */
export const LINKED_TYPES = ["diskEncryptionSets", "diskAccesses"] as const;

export type LinkedType = (typeof LINKED_TYPES)[number];

/** A resource that disks refer to. */
export interface LinkedResource extends NamedAddress {
  readonly type: LinkedType;
  readonly id: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>> | undefined;
  /** As stated by its owner: `activeKey`, `encryptionType` … */
  readonly properties: JsonObject;
  readonly identity?: JsonObject;
  readonly createdAtMs: number;
  /** When an encryption set's key was last replaced. */
  readonly keyChangedAtMs?: number;
  readonly provisioningState: ProvisioningState;
  readonly operationId?: string;
}

/**
 * The resource as GET answers it. Recorded of encryption sets (Azure PowerShell's TestDiskEncryptionSet and
 * TestAutomaticKeyRotation): they show no empty tags, as disks do.
 */
export function renderLinkedResource(resource: LinkedResource): JsonObject {
  const { name, id, type, location, tags, identity, properties, provisioningState } = resource;
  const { createdAtMs, keyChangedAtMs } = resource;
  const isUntagged = type === "diskEncryptionSets" && Object.keys(tags ?? {}).length === 0;
  return {
    name,
    id,
    type: `Microsoft.Compute/${type}`,
    location,
    tags: isUntagged ? undefined : tags,
    ...(identity === undefined ? {} : { identity }),
    properties: {
      ...properties,
      ...(type === "diskAccesses" ? { timeCreated: isoTime(createdAtMs) } : {}),
      provisioningState,
      ...(keyChangedAtMs === undefined ? {} : { lastKeyRotationTimestamp: isoTime(keyChangedAtMs) }),
    },
  };
}
