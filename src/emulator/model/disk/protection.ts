import { type ArmFailure, armErrors } from "../api/errors.ts";
import { type JsonObject, objectAt, textAt } from "../api/json.ts";
import { choiceOf } from "../api/request/choice.ts";
import { ENUMERATIONS } from "../api/request/enumerations.ts";
import { sameId, withUpperCaseGroup } from "../api/resource/resource-id.ts";

/** Who can read the bytes of a disk or a snapshot, and with which keys. */
export interface Protection {
  readonly encryption: JsonObject;
  readonly networkAccessPolicy: string;
  readonly publicNetworkAccess: string;
  /** With the policy `AllowPrivate` only. */
  readonly diskAccessId?: string;
}

const PLATFORM_KEY = "EncryptionAtRestWithPlatformKey";
const CUSTOMER_KEY = "EncryptionAtRestWithCustomerKey";
/** With the platform's key and a customer's. */
export const DOUBLE_ENCRYPTION = "EncryptionAtRestWithPlatformAndCustomerKeys";
const ENCRYPTION_TYPES = [PLATFORM_KEY, CUSTOMER_KEY, DOUBLE_ENCRYPTION];

/** The protection of a disk or a snapshot as its properties ask for it; what they leave out stays. */
export function protectionIn(properties: JsonObject, previous: Protection | undefined): Protection {
  const networkAccessPolicy =
    textAt(properties, "networkAccessPolicy") ?? previous?.networkAccessPolicy ?? "AllowAll";
  const diskAccessId = textAt(properties, "diskAccessId") ?? previous?.diskAccessId;
  return {
    encryption: encryptionIn(properties, previous),
    networkAccessPolicy,
    publicNetworkAccess:
      textAt(properties, "publicNetworkAccess") ?? previous?.publicNetworkAccess ?? "Enabled",
    // Any other policy ends the association.
    ...(diskAccessId === undefined || networkAccessPolicy !== "AllowPrivate" ? {} : { diskAccessId }),
  };
}

/**
 * The protection as a disk or a snapshot shows it. Recorded from 2020 to 2024 (az:
 * test_disk_encryption_set_disk_update, test_disk_encryption_set_snapshot; Azure PowerShell:
 * TestDiskConfigDiskAccessNetworkAccess; the SDK for Python: a list of disks): the ids of the encryption
 * set and of the disk access have their resource group in upper case, whatever the write said.
 */
export function renderProtection(protection: Protection): JsonObject {
  const { encryption, networkAccessPolicy, publicNetworkAccess, diskAccessId } = protection;
  const set = textAt(encryption, "diskEncryptionSetId");
  return {
    encryption: {
      ...encryption,
      ...(set === undefined ? {} : { diskEncryptionSetId: withUpperCaseGroup(set) }),
    },
    networkAccessPolicy,
    publicNetworkAccess,
    ...(diskAccessId === undefined ? {} : { diskAccessId: withUpperCaseGroup(diskAccessId) }),
  };
}

/** A set stays until another one or the platform's key is asked for. */
function encryptionIn(properties: JsonObject, previous: Protection | undefined): JsonObject {
  const type = encryptionType(properties);
  const diskEncryptionSetId = textAt(properties, "encryption", "diskEncryptionSetId");
  const present = previous?.encryption ?? { type: PLATFORM_KEY };
  if (diskEncryptionSetId === undefined) return type === undefined ? present : { type };
  const presentSet = textAt(present, "diskEncryptionSetId");
  // The same set in another spelling is no change.
  return presentSet !== undefined && sameId(presentSet, diskEncryptionSetId)
    ? { ...present, ...(type === undefined ? {} : { type }) }
    : { diskEncryptionSetId, type: type ?? CUSTOMER_KEY };
}

/** Why the protection that properties ask for is refused. */
export function checkProtection(
  properties: JsonObject,
  previous: Protection | undefined,
): ArmFailure | undefined {
  return checkChoices(properties) ?? checkNetwork(properties, previous) ?? checkEncryption(properties);
}

/** Inferred: the code. */
function checkChoices(properties: JsonObject): ArmFailure | undefined {
  for (const [member, choices] of Object.entries(ENUMERATIONS)) {
    const given = textAt(properties, member);
    if (given !== undefined && choiceOf<string>(choices, given) === undefined)
      return armErrors.notOneOf(member, given, choices);
  }
  return undefined;
}

function checkNetwork(properties: JsonObject, previous: Protection | undefined): ArmFailure | undefined {
  const policy = textAt(properties, "networkAccessPolicy") ?? previous?.networkAccessPolicy ?? "AllowAll";
  const stated = textAt(properties, "diskAccessId");
  if (policy === "AllowPrivate" && (stated ?? previous?.diskAccessId) === undefined)
    return armErrors.invalidParameter(
      "diskAccessId",
      "Required parameter 'diskAccessId' is missing (null) for network access policy 'AllowPrivate'.",
    );
  return stated !== undefined && policy !== "AllowPrivate" ? armErrors.diskAccessWithoutPolicy() : undefined;
}

/** A customer's key comes from a set. */
function checkEncryption(properties: JsonObject): ArmFailure | undefined {
  const type = encryptionType(properties);
  const isPlatformKey = type === undefined || type === PLATFORM_KEY;
  return isPlatformKey || textAt(properties, "encryption", "diskEncryptionSetId") !== undefined
    ? undefined
    : armErrors.invalidParameter(
        "encryption.diskEncryptionSetId",
        "Required parameter 'encryption.diskEncryptionSetId' is missing (null) for encryption type " +
          `'${type}'.`,
      );
}

function encryptionType(properties: JsonObject): string | undefined {
  const given = textAt(objectAt(properties, "encryption"), "type");
  return given === undefined ? undefined : (choiceOf(ENCRYPTION_TYPES, given) ?? given);
}
