import { type ArmFailure, armErrors } from "../errors.ts";

/** As Azure's rule `^[^_\W][\w-._]{0,79}(?<![-.])$`, whose `\w` has letters and digits of all scripts. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}_.-]{0,79}(?<![-.])$/u;

const OUTSIDE_GROUP_NAMES = /[^\p{L}\p{M}\p{N}_.()-]/gu;

/** Learn, Naming rules and restrictions for Azure resources. */
const GROUP_NAME_MAX = 90;

/** Why no resource group can have that name, which Resource Manager says to every call below it. */
export function checkGroupName(name: string): ArmFailure | undefined {
  const invalid = name.match(OUTSIDE_GROUP_NAMES);
  if (invalid !== null) return armErrors.invalidResourceGroup(name, invalid.join(""));
  if (name.length > GROUP_NAME_MAX) return armErrors.groupNameTooLong(name, GROUP_NAME_MAX);
  return name.endsWith(".") ? armErrors.groupNameEndsWithPeriod(name) : undefined;
}

/** Why a new disk, snapshot or linked resource can't have that name; messages name it by `type`. */
export function checkDiskName(
  type: "disk" | "snapshot" | "diskEncryptionSet" | "diskAccess",
  name: string,
): ArmFailure | undefined {
  return NAME.test(name) ? undefined : armErrors.invalidName(`${type}.name`);
}

/** The same for what the provider of VMs makes: its messages quote the rule. */
export function checkVmName(
  type: "vm" | "vmScaleSet" | "availabilitySet" | "dataDisk" | "osDisk",
  name: string,
): ArmFailure | undefined {
  return NAME.test(name) ? undefined : armErrors.nameBreaksRule(`${type}.name`);
}
