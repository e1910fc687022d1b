import type { Lab } from "../../testbed/lab/lab.ts";
import { thenCleanUp } from "../../testbed/lab/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/wait-until.ts";

const PLUG_INS = "/api/v1/namespaces/kube-system/pods?labelSelector=app%3Dcsi-azuredisk-node";
/** Comes before the real one for whoever looks for `umount`. */
const IN_THE_WAY = "usr/local/bin/umount";
const BEGINS_MAX_MS = 120_000;

/**
 * While `use` runs, an unmount of a staged volume takes so many seconds longer on a node, as one that has gigabytes to flush does: the plug-in there finds an
 * `umount` that waits first. `use` is given what waits until such an unmount is under way.
 */
export async function withSlowUnmount(
  lab: Lab,
  { nodeName, seconds }: { readonly nodeName: string; readonly seconds: number },
  use: (untilUnmounting: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const node = lab.node(nodeName);
  const script = `${await plugInRoot(lab, nodeName)}/${IN_THE_WAY}`;
  // No other process has this argument.
  const wait = `${seconds}.0625`;
  const slow = `#!/bin/sh\ncase "$*" in *globalmount*) sleep ${wait};; esac\nexec /usr/bin/umount "$@"\n`;
  await node.exec(["sh", "-c", `mkdir -p "$(dirname ${script})" && cat > ${script} && chmod 755 ${script}`], { input: slow });
  const untilUnmounting = async (): Promise<void> => {
    await waitUntil(`an unmount on ${nodeName} to be under way`, { timeoutMs: BEGINS_MAX_MS }, async () => {
      // A process that ends meanwhile makes grep fail, though it has found another.
      const found = await node.exec(["sh", "-c", `grep -lzx -- '${seconds}[.]0625' /proc/[0-9]*/cmdline 2>/dev/null; true`]);
      return found.trim() === "" ? undefined : true;
    });
  };
  await thenCleanUp(
    () => use(untilUnmounting),
    async () => {
      await node.exec(["rm", script]);
    },
  );
}

/** The root folder of the plug-in's container, as its node sees it. */
async function plugInRoot(lab: Lab, nodeName: string): Promise<string> {
  const { items } = (await lab.request({ url: PLUG_INS })).body as { readonly items: readonly PlugInPod[] };
  const pod = items.find(({ spec }) => spec.nodeName === nodeName);
  const id = pod?.status.containerStatuses[0]?.containerID.replace("containerd://", "");
  if (id === undefined) throw new Error(`no node plug-in runs on ${nodeName}`);
  return `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/rootfs`;
}

interface PlugInPod {
  readonly spec: { readonly nodeName: string };
  readonly status: { readonly containerStatuses: readonly { readonly containerID: string }[] };
}
