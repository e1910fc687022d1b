import { type ArmFailure, armErrors } from "../errors.ts";
import { isObject, type Json, listAt, objectAt } from "../json.ts";
import { fieldsMissingIn } from "../version-fields.ts";

/** The newest version whose members are known here: a later one may have more. */
const KNOWN_UNTIL = "2026-03-01";

/** The members of Azure's models, in lower case: the provider does not distinguish their case. */
const STORAGE_PROFILE = lowerCase([
  "imageReference",
  "osDisk",
  "dataDisks",
  "diskControllerType",
  "alignRegionalDisksToVMZone",
  "diskApiVersion",
]);
const DATA_DISK = lowerCase([
  "lun",
  "name",
  "vhd",
  "image",
  "caching",
  "writeAcceleratorEnabled",
  "createOption",
  "diskSizeGB",
  "storageFaultDomainAlignment",
  "managedDisk",
  "sourceResource",
  "toBeDetached",
  "diskIOPSReadWrite",
  "diskMBpsReadWrite",
  "detachOption",
  "deleteOption",
]);
const MANAGED_DISK = lowerCase([
  "id",
  "storageAccountType",
  "diskEncryptionSet",
  "securityProfile",
  "additionalDiskProperties",
]);

/** The writes of VMs and instances. */
const WRITES: readonly string[] = [
  "VirtualMachines_CreateOrUpdate",
  "VirtualMachines_Update",
  "VirtualMachineScaleSetVMs_Update",
];

/**
 * Why the compute provider refuses a write of a VM: unlike that of disks, it reads no body with a member that
 * its version does not have. Checked are the storage profile and its data disks.
 */
export function checkKnownMembers(
  body: Json | undefined,
  operation: string,
  apiVersion: string,
): ArmFailure | undefined {
  if (!WRITES.includes(operation)) return undefined;
  const missing = fieldsMissingIn(operation, apiVersion);
  const profile = objectAt(body, "properties", "storageProfile");
  const path = "properties.storageProfile";
  const unknown =
    unknownIn(profile, { type: "StorageProfile", known: STORAGE_PROFILE, path, missing, apiVersion }) ??
    (listAt(profile, "dataDisks") ?? [])
      .map(
        (entry, index) =>
          unknownIn(entry, {
            type: "DataDisk",
            known: DATA_DISK,
            path: `${path}.dataDisks[${index}]`,
            missing,
            apiVersion,
          }) ??
          unknownIn(objectAt(entry, "managedDisk"), {
            type: "ManagedDiskParameters",
            known: MANAGED_DISK,
            path: `${path}.dataDisks[${index}].managedDisk`,
            missing,
            apiVersion,
          }),
      )
      .find((found) => found !== undefined);
  return unknown;
}

function unknownIn(
  value: Json | undefined,
  model: {
    readonly type: string;
    readonly known: readonly string[];
    readonly path: string;
    /** Fields that the version does not have yet, without indexes. */
    readonly missing: readonly string[];
    readonly apiVersion: string;
  },
): ArmFailure | undefined {
  if (!isObject(value)) return undefined;
  const { type, known, path, missing, apiVersion } = model;
  const member = Object.keys(value).find(
    (name) =>
      missing.includes(`${path.replaceAll(/\[\d+\]/g, "[]")}.${name}`) ||
      (apiVersion <= KNOWN_UNTIL && !known.includes(name.toLowerCase())),
  );
  return member === undefined ? undefined : armErrors.unknownMember(member, type, `${path}.${member}`);
}

function lowerCase(members: readonly string[]): readonly string[] {
  return members.map((member) => member.toLowerCase());
}
