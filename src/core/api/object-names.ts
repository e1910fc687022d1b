import { parseDiskUri, resourceUriKey } from "../azure/ids/disk-uri.ts";
import { sha256Hex } from "../primitives/sha256.ts";

/** Hexadecimal digits of a hash in a name: 96 bits, so that two disks never meet by accident. */
const HASH_DIGITS = 24;
export const OBJECT_NAME_MAX_CHARS = 253;
const LABEL_VALUE_MAX_CHARS = 63;
const DISK_NAME_MAX_CHARS = 80;

/** A Kubernetes object name: RFC 1123 subdomain. */
const OBJECT_NAME = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/u;
const NOT_ASCII = /\P{ASCII}/u;
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/u;

/**
 * The managed disk's name for a name in CreateVolume: that name where it is legal as a disk name and as
 * an object name, else a legal prefix and a hash. Deterministic, so a repeated call finds its disk.
 */
export function diskNameFor(volumeName: string): string {
  // In lower case, the sign of the unit kelvin is an ASCII letter, too. Azure takes it in no disk's name.
  const isLegal = !NOT_ASCII.test(volumeName) && OBJECT_NAME.test(volumeName.toLowerCase());
  if (volumeName.length <= DISK_NAME_MAX_CHARS && isLegal) return volumeName;
  return hashedName(volumeName, volumeName, DISK_NAME_MAX_CHARS);
}

/** The name of the disk of a volume: as its spec states it, else as its own name makes it. */
export function diskNameOf(spec: {
  readonly volumeName: string;
  readonly disk: { readonly diskName?: string | undefined };
}): string {
  return diskNameFor(spec.disk.diskName ?? spec.volumeName);
}

/** The AzVolume object's name for a disk that this driver created. `diskName`: of `diskNameOf`. */
export function ownVolumeObjectName(diskName: string): string {
  return diskName.toLowerCase();
}

/**
 * The AzVolume object's name for a disk that this driver did not create. Disks of one name in two
 * resource groups get different names.
 */
export function foreignVolumeObjectName(diskUri: string): string {
  return hashedName(
    parseDiskUri(diskUri)?.diskName ?? "disk",
    resourceUriKey(diskUri),
    OBJECT_NAME_MAX_CHARS,
  );
}

/** The names that the AzVolume of a disk may have, likeliest first. The caller must compare the full URI. */
export function volumeObjectNames(diskUri: string): readonly string[] {
  const ownName = parseDiskUri(diskUri)?.diskName.toLowerCase();
  const foreignName = foreignVolumeObjectName(diskUri);
  return ownName !== undefined && OBJECT_NAME.test(ownName) ? [ownName, foreignName] : [foreignName];
}

/** The AzVolumeAttachment object's name for a disk on a node; ends in a hash of both. */
export function attachmentObjectName(attachment: {
  readonly diskUri: string;
  readonly nodeName: string;
}): string {
  const diskName = parseDiskUri(attachment.diskUri)?.diskName ?? "disk";
  return hashedName(
    `${diskName}-${attachment.nodeName}`,
    `${resourceUriKey(attachment.diskUri)}\n${attachment.nodeName}`,
    OBJECT_NAME_MAX_CHARS,
  );
}

/** `text` as a label value: itself if it is one, else a legal prefix and its hash. */
export function labelValue(text: string): string {
  if (text.length <= LABEL_VALUE_MAX_CHARS && LABEL_VALUE.test(text)) return text;
  return hashedName(text, text, LABEL_VALUE_MAX_CHARS);
}

/** A lower-case name of at most `maxChars`: what is legal of `readable`, then the hash of `identity`. */
function hashedName(readable: string, identity: string, maxChars: number): string {
  const legal = readable
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, "-")
    .slice(0, maxChars - HASH_DIGITS - 1)
    .replaceAll(/^-+|-+$/gu, "");
  const hash = sha256Hex(identity).slice(0, HASH_DIGITS);
  return legal === "" ? `x-${hash}` : `${legal}-${hash}`;
}
