import type { Lab } from "../../../testbed/lab/lab.ts";
import { thenCleanUp } from "../../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { listObjects } from "../read-objects.ts";

const PLUG_INS = "/api/v1/namespaces/kube-system/pods?labelSelector=app%3Dcsi-azuredisk-node";
/** Found before the real `umount` in the search path. */
const IN_THE_WAY = "usr/local/bin/umount";
/** While it exists, unmounts wait. */
const HOLD = "usr/local/bin/umount-waits";
const BEGINS_MAX_MS = 240_000;

/** An unmount that a test can block. */
export interface HeldUnmount {
  /** Waits until an unmount of a staged volume is under way on the node. */
  untilUnderWay(): Promise<void>;
  /** Unblocks it, and all later ones. */
  letGo(): Promise<void>;
}

/**
 * While `use` runs, an unmount of a staged volume on a node blocks until it is released, like one that has
 * gigabytes to flush: the plug-in finds an `umount` that waits first. A fixed time could be too short on a
 * busy machine.
 */
export async function withHeldUnmount(
  lab: Lab,
  nodeName: string,
  use: (unmount: HeldUnmount) => Promise<void>,
): Promise<void> {
  const node = lab.node(nodeName);
  const root = await plugInRoot(lab, nodeName);
  const [script, hold] = [`${root}/${IN_THE_WAY}`, `${root}/${HOLD}`];
  // No other process has the argument 0.0625.
  const held =
    `#!/bin/sh\ncase "$*" in *globalmount*) while test -e /${HOLD}; do sleep 0.0625; done;; esac\n` +
    `exec /usr/bin/umount "$@"\n`;
  await node.exec(
    ["sh", "-c", `mkdir -p "$(dirname ${script})" && : > ${hold} && cat > ${script} && chmod 755 ${script}`],
    { input: held },
  );
  const untilUnderWay = async (): Promise<void> => {
    await waitUntil(`an unmount on ${nodeName} to be under way`, { timeoutMs: BEGINS_MAX_MS }, async () => {
      // A process that ends during the search makes grep fail, though it has found another.
      const found = await node.exec([
        "sh",
        "-c",
        "grep -lzx -- '0[.]0625' /proc/[0-9]*/cmdline 2>/dev/null; true",
      ]);
      return found.trim() === "" ? undefined : true;
    });
  };
  const letGo = async (): Promise<void> => {
    await node.exec(["rm", "-f", hold]);
  };
  await thenCleanUp(
    () => use({ untilUnderWay, letGo }),
    async () => {
      await letGo();
      await node.exec(["rm", script]);
    },
  );
}

/** The root folder of the plug-in's container, as seen by its node. */
async function plugInRoot(lab: Lab, nodeName: string): Promise<string> {
  const pod = (await listObjects<PlugInPod>(lab, PLUG_INS)).find(({ spec }) => spec.nodeName === nodeName);
  const id = pod?.status.containerStatuses[0]?.containerID.replace("containerd://", "");
  if (id === undefined) throw new Error(`no node plug-in runs on ${nodeName}`);
  return `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/rootfs`;
}

interface PlugInPod {
  readonly spec: { readonly nodeName: string };
  readonly status: { readonly containerStatuses: readonly { readonly containerID: string }[] };
}
