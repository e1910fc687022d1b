import assert from "node:assert/strict";
import { copyFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { buildGoProgram } from "../../testbed/parts/build-go-program.ts";
import { checkSpecs, SANITY_SPECS } from "../csi-sanity/check-specs.ts";
import { readGinkgoReport } from "../csi-sanity/ginkgo-report.ts";
import { disksInAzure } from "./assert/azure-journal.ts";
import { driverLab } from "./driver-lab.ts";

const SANITY_TIMEOUT_S = 1_200;
const NODE_SOCKET = "/var/lib/kubelet/plugins/disk.csi.azure.com/csi.sock";
/** Below the kubelet's folder, like every path that the driver receives. */
const FOLDER = "/var/lib/kubelet/csi-sanity";
const IN_ZONE_OF_MOST = ["node-a", "node-b"];

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly uid: string; readonly deletionTimestamp?: string };
    readonly spec: { readonly nodeName: string };
  }[];
}

it(
  "passes every spec of csi-sanity on a cluster's controller and node sockets",
  { skip: (await reasonAgainstLab()) ?? false },
  async (t) => {
    const lab = await driverLab();
    const program = await buildGoProgram("csi-sanity", console.log, t.signal);
    const pods = JSON.parse(
      await lab.kubectl([
        "--namespace=kube-system",
        "get",
        "pods",
        "--selector=app=csi-azuredisk-controller",
        "--output=json",
      ]),
    ) as PodList;
    // A pod of an earlier version may still be ending, and does not answer. The specs request a disk in any
    // zone, which is the zone with most nodes, and bring it to this node.
    const pod = pods.items.find(
      ({ metadata, spec }) =>
        metadata.deletionTimestamp === undefined && IN_ZONE_OF_MOST.includes(spec.nodeName),
    );
    assert.ok(pod, `no pod of the controller on ${IN_ZONE_OF_MOST.join(" or ")}`);
    const node = lab.node(pod.spec.nodeName);
    const disks = new Set(await disksInAzure(lab));
    await node.exec(["mkdir", "-p", FOLDER]);
    try {
      const folder = join(`/proc/${await node.processId()}/root`, FOLDER);
      await copyFile(program, join(folder, "csi-sanity"));
      // A unix socket's path has at most 107 characters.
      await node.exec([
        "ln",
        "--symbolic",
        `/var/lib/kubelet/pods/${pod.metadata.uid}/volumes/kubernetes.io~empty-dir/socket-dir`,
        `${FOLDER}/controller`,
      ]);
      const sanity = [
        `${FOLDER}/csi-sanity`,
        `--csi.endpoint=unix://${NODE_SOCKET}`,
        `--csi.controllerendpoint=unix://${FOLDER}/controller/csi.sock`,
        `--csi.mountdir=${FOLDER}/target`,
        `--csi.stagingdir=${FOLDER}/staging`,
        `--ginkgo.json-report=${FOLDER}/report.json`,
        `--ginkgo.timeout=${SANITY_TIMEOUT_S}s`,
        "--ginkgo.seed=1",
        "--ginkgo.no-color",
        "--ginkgo.succinct",
      ];
      // Failed specs are reported below by name.
      const output = await node.exec(sanity, { timeoutMs: (SANITY_TIMEOUT_S + 30) * 1000 }).catch(String);
      if (!(await readdir(folder)).includes("report.json"))
        throw new Error(`csi-sanity wrote no report: ${output}`);
      await checkSpecs(t, await readGinkgoReport(join(folder, "report.json")), SANITY_SPECS);
    } finally {
      await node.exec(["rm", "-rf", FOLDER]);
    }
    assert.deepEqual(
      (await disksInAzure(lab)).filter((name) => !disks.has(name)),
      [],
      "left behind in Azure",
    );
  },
);
