import { isSameResourceUri } from "../../../src/core/model/disk-uri.ts";
import { cordonAllBut, uncordonAll } from "../cordon.ts";
import { eraseStandbysOn } from "../delete-by-hand.ts";
import { type FaultVariant, overAtOnce } from "../fault-class.ts";
import { markOutOfService } from "../mark-out-of-service.ts";
import { runningOn } from "./where-pods-are.ts";

/** How long standbys on the node have to go elsewhere, in milliseconds: each update of its VM would refuse the one that is late. */
const STANDBYS_GO_MS = 25_000;
const SEEN_MS = 1_000;
/** How long the forced detach is under way, in milliseconds: nobody speaks of the mark any more by then. */
const UNDER_WAY_MS = 150_000;

/**
 * A node is marked out of service while only its kubelet is dead, so that it is fenced. The forced detach is under way for long; meanwhile the mark is taken back, the kubelet
 * comes back, the node lets go of the volume, and its pod comes back there.
 */
export const detachLate: FaultVariant = {
  forMs: [220_000, 240_000],
  isDirected: true,
  begin: (context, { volumeName }) => {
    const { world, later } = context;
    const { cluster, azure, store } = world;
    const home = runningOn(context, volumeName);
    if (home === undefined) return overAtOnce;
    const isFenced = (): boolean =>
      store
        .objects("AzVolume")
        .some(
          ({ status }) =>
            status?.record?.fencing?.nodeName === home && isSameResourceUri(status.detail?.diskUri ?? "", cluster.diskUriOf(volumeName) ?? "none"),
        );
    let isStruck = false;
    const stop = azure.delayUpdates(({ nodeName }) => {
      if (isStruck || nodeName !== home || !isFenced()) return 0;
      isStruck = true;
      later(0, () => {
        markOutOfService(context, home, false);
        cluster.setKubeletRunning(home, true);
      });
      return UNDER_WAY_MS;
    });
    cluster.setUnschedulable(home, true);
    eraseStandbysOn(world, home);
    later(STANDBYS_GO_MS - SEEN_MS, () => cordonAllBut(context, home));
    later(STANDBYS_GO_MS, () => {
      cluster.setKubeletRunning(home, false);
      markOutOfService(context, home, true);
      cluster.deletePod(volumeName, { isForced: true });
    });
    return () => {
      stop();
      markOutOfService(context, home, false);
      cluster.setKubeletRunning(home, true);
      uncordonAll(context);
    };
  },
};
