import { type Json, type JsonObject, objectAt } from "../api/json.ts";
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

/** The resource as GET answers it. */
export function renderLinkedResource(resource: LinkedResource): JsonObject {
  const { name, id, type, location, tags, identity, properties, provisioningState } = resource;
  const { createdAtMs, keyChangedAtMs } = resource;
  return {
    name,
    id,
    type: `Microsoft.Compute/${type}`,
    location,
    tags,
    ...(identity === undefined ? {} : { identity }),
    properties: {
      ...properties,
      ...(type === "diskAccesses" ? { timeCreated: isoTime(createdAtMs) } : {}),
      provisioningState,
      ...(keyChangedAtMs === undefined ? {} : { lastKeyRotationTimestamp: isoTime(keyChangedAtMs) }),
    },
  };
}

/**
 * The first answer to a PUT. Recorded by Azure's CLI from 2020 to 2024 (Azure/azure-cli, recordings
 * test_disk_encryption_set*.yaml and test_disk_access.yaml): it repeats the request, that about an encryption
 * set without a name, and that about a disk access without properties.
 */
export function firstAnswer({ name, id, type, location, tags }: LinkedResource, body: Json): JsonObject {
  if (type === "diskAccesses")
    return { name, id, type: `Microsoft.Compute/${type}`, location, tags: objectAt(body, "tags") ?? tags };
  const { identity, properties, ...stated } = objectAt(body) ?? {};
  return {
    ...stated,
    ...(identity === undefined ? {} : { identity }),
    properties: { ...objectAt(properties), provisioningState: "Updating" },
  };
}
