import { reply } from "../api/arm-message.ts";
import { armErrors } from "../api/errors.ts";
import { accepted, operationHeaders } from "../pace/lro.ts";
import { joinOperation, startOperation, writing } from "../pace/operations.ts";
import { cancelRollingUpgrade } from "./rolling-upgrade-run.ts";
import { renderRollingUpgrade } from "./rolling-upgrade.ts";
import { checkIdle, ofScaleSet } from "./scale-set-address.ts";
import { writeScaleSet } from "./scale-set-write.ts";
import { checkRollingUpgrades } from "./upgrade-policy.ts";

/**
 * POST osRollingUpgrade: all instances get a new OS disk, as if the platform had a newer image than any of
 * them. The operation lasts until the upgrade ends.
 */
export const startOsUpgradeHandler = ofScaleSet((world, call, set) => {
  const name = "VirtualMachineScaleSetRollingUpgrades_StartOSUpgrade";
  const refused = checkIdle(set, name) ?? checkRollingUpgrades(set);
  if (refused !== undefined) return refused;
  return accepted(
    world,
    call,
    writeScaleSet(world, set, { name, coming: [], leaving: [], upgrades: "all" }),
    "Action",
  );
});

/** POST rollingUpgrades/cancel: ends with the batch that is under way. */
export const cancelRollingUpgradeHandler = ofScaleSet((world, call, set) => {
  const upgrade = set.rollingUpgrade;
  if (upgrade?.code !== "RollingForward") return armErrors.noRollingUpgradeToCancel();
  const cancelling =
    upgrade.cancelOperationId === undefined ? undefined : world.operations.get(upgrade.cancelOperationId);
  const operation =
    cancelling === undefined
      ? startOperation(world, {
          name: "VirtualMachineScaleSetRollingUpgrades_Cancel",
          provider: "operations",
          ...writing(set),
          delayMs: 0,
          work: {
            end: (outcome) => {
              if (outcome.undone !== "all") cancelRollingUpgrade(world, set.id, operation.id);
            },
          },
        })
      : joinOperation(world, cancelling);
  return reply(202, undefined, operationHeaders(world, call, operation, "Action"));
});

export const latestRollingUpgradeHandler = ofScaleSet((_world, _call, set) =>
  set.rollingUpgrade === undefined
    ? armErrors.noRollingUpgrade()
    : reply(200, renderRollingUpgrade(set.rollingUpgrade, set.location)),
);
