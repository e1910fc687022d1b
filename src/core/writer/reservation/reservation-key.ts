import type { AzVolume } from "../../api/az-volume.ts";
import type { NodeIdentity } from "../../api/identity/node-identity.ts";
import { sha256Hex } from "../../primitives/sha256.ts";

/**
 * The key of a persistent reservation (SPC-4, 5.13): 64 bits as 16 hexadecimal digits, lower case. Keys are
 * compared by the disk, so that a command that comes late names the grant that it was meant for.
 */
export type ReservationKey = string;

/**
 * The first two bytes of every key of this driver: `az`. A reservation with another one is never preempted.
 */
const PREFIX = "617a";
const KEY_DIGITS = 16;

/** The key of a grant: no other grant of the disk has it, not even one of the same epoch after a rollback. */
export function grantKey(grant: {
  readonly volumeUid: string;
  readonly storeIncarnation: number;
  readonly writer: Pick<NodeIdentity, "vmId"> & { readonly epoch: number };
}): ReservationKey {
  const { volumeUid, storeIncarnation, writer } = grant;
  return keyOf([volumeUid, storeIncarnation, writer.epoch, writer.vmId.toLowerCase()]);
}

/** The key of a volume's grant; undefined: no node is granted it. */
export function grantKeyOf({ metadata, status }: AzVolume): ReservationKey | undefined {
  const record = status?.record;
  if (record?.writer === undefined) return undefined;
  const { writer, storeIncarnation } = record;
  return grantKey({ volumeUid: metadata.uid, storeIncarnation, writer });
}

/** The key under which a node reserves the disk once it has preempted the grant of another. */
export function preemptorKey(victim: ReservationKey, { vmId }: Pick<NodeIdentity, "vmId">): ReservationKey {
  return keyOf(["preemptor", victim, vmId.toLowerCase()]);
}

/** Whether this driver made a key. */
export function isOwnKey(key: ReservationKey): boolean {
  return key.startsWith(PREFIX);
}

function keyOf(parts: readonly (string | number)[]): ReservationKey {
  return `${PREFIX}${sha256Hex(parts.join("\n"))}`.slice(0, KEY_DIGITS);
}
