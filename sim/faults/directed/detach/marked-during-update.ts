import { releaseStuckOperations } from "../../../../src/emulator/model/pace/operations.ts";
import { vmOperations } from "../../../azure/vm-names.ts";
import { type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";
import { runningOn } from "../mount/where-pods-are.ts";

const MARKED_AFTER_MS = 2_000;
/** How long the update takes, in milliseconds: longer than a fence tries a regular detach. */
const UPDATED_FOR_MS = 60_000;

/**
 * Another client begins an update of a VM that changes no disk, such as a reimage, an upgrade or a tag,
 * just when the driver begins to fence its node. The update takes longer than a fence tries a regular
 * detach.
 */
export const markedDuringUpdate: FaultVariant = {
  forMs: [90_000, 120_000],
  isDirected: true,
  begin: (context, { volumeName }) => {
    const { world, later } = context;
    const { azure, controllers } = world;
    const nodeName = runningOn(context, volumeName);
    if (nodeName === undefined) return overAtOnce;
    let isBegun = false;
    const update = (): void => {
      if (isBegun) return;
      isBegun = true;
      const { faults } = azure.model;
      const { id } = faults.add({
        operation: vmOperations.update,
        times: 1,
        effect: { kind: "StuckOperation" },
      });
      azure.tagOutside(nodeName);
      // If Azure has refused the update, no other one is to be struck.
      faults.remove(id);
      later(UPDATED_FOR_MS, () => releaseStuckOperations(azure.model.world));
    };
    const takenBack = controllers.map((controller) =>
      controller.strikeAt({ step: "begin-fence", nth: 1, moment: "after" }, update),
    );
    azure.freeze(nodeName);
    later(MARKED_AFTER_MS, () => markOutOfService(context, nodeName, true));
    return () => {
      for (const takeBack of takenBack) takeBack();
      releaseStuckOperations(azure.model.world);
      azure.thaw(nodeName);
      markOutOfService(context, nodeName, false);
    };
  },
};
