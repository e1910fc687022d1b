import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { LabNode } from "../../testbed/lab/cluster/lab-node.ts";
import { labHome } from "../../testbed/lab/lab-home.ts";
import { labNetwork } from "../../testbed/lab/lab-network.ts";
import { claimLab, readLabRecord, writeLabRecord } from "../../testbed/lab/lab-record.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { startLab } from "../../testbed/lab/start-lab.ts";
import { stopLab } from "../../testbed/lab/stop-lab.ts";
import { identifyProcess } from "../../testbed/lab/units/process-identity.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { kernelSettings, machineTraces, NO_TRACES } from "../cluster/assert/machine-traces.ts";
import { makeDisk } from "../cluster/workload/disks-by-hand.ts";

const NAME = "lab-test";
const OTHER_NAME = "lab-test-cut-off";
const CLONE = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = fileURLToPath(new URL("../../testbed/lab/main.ts", import.meta.url));
const MORTAL = fileURLToPath(new URL("start-mortal-lab.ts", import.meta.url));
const POD_MAX_MS = 240_000;
const ANSWER_MAX_MS = 1_000;
const { signal } = new AbortController();

/** One web server on each node, which answers with the name of its pod. */
const WEB = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: busybox
        command: [sh, -c, "echo serving; exec httpd -f -p 80 -h /etc"]
`;

describe("the lab", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let settingsBefore: readonly string[];
  let lab: Lab;

  before(async () => {
    settingsBefore = await kernelSettings();
    lab = await startLab(
      {
        name: NAME,
        replaces: true,
        timeScale: 0.01,
        kubelet: { nodeStatusUpdateFrequency: "1s" },
        endsWithProcess: true,
      },
      signal,
      (line) => console.log(line),
    );
    await lab.kubectl(["apply", "--filename=-"], { input: WEB });
    await lab.kubectl(["rollout", "status", "daemonset/web", `--timeout=${POD_MAX_MS}ms`], {
      timeoutMs: POD_MAX_MS,
    });
  });
  after(async () => {
    await stopLab(NAME, { clone: CLONE });
  });

  async function podOn(nodeName: string): Promise<{ readonly name: string; readonly address: string }> {
    const [name = "", address = ""] = (
      await lab.kubectl([
        "get",
        "pods",
        "--selector=app=web",
        `--field-selector=spec.nodeName=${nodeName}`,
        "--output=jsonpath={.items[0].metadata.name} {.items[0].status.podIP}",
      ])
    ).split(" ");
    return { name, address };
  }
  const answers = async (address: string): Promise<boolean> =>
    fetch(`http://${address}/hostname`, { signal: AbortSignal.timeout(ANSWER_MAX_MS) }).then(
      (answer) => answer.ok,
      () => false,
    );
  const untilLogsServed = (podName: string): Promise<string> =>
    waitUntil("its kubelet to answer", { timeoutMs: POD_MAX_MS, signal }, async () =>
      lab.kubectl(["logs", podName]).catch(() => undefined),
    );
  const untilAnswers = (address: string): Promise<true> =>
    waitUntil(
      `the pod at ${address} to answer`,
      { timeoutMs: POD_MAX_MS, signal },
      async () => (await answers(address)) || undefined,
    );

  it("has nodes with the labels and ids of Azure's cloud provider", async () => {
    const nodes = JSON.parse(await lab.kubectl(["get", "nodes", "--output=json"])) as {
      readonly items: readonly {
        readonly metadata: { readonly labels: Readonly<Record<string, string>> };
        readonly spec: { readonly providerID: string };
      }[];
    };
    assert.deepEqual(
      nodes.items.map(({ metadata: { labels }, spec }) => [
        labels["kubernetes.io/hostname"],
        labels["topology.kubernetes.io/region"],
        labels["topology.kubernetes.io/zone"],
        labels["node.kubernetes.io/instance-type"],
        spec.providerID,
      ]),
      [
        ["node-a", "eastus", "eastus-1", "Standard_D8s_v5", `azure://${lab.azure.vmId("node-a")}`],
        ["node-b", "eastus", "eastus-1", "Standard_D8s_v5", `azure://${lab.azure.vmId("node-b")}`],
        ["node-c", "eastus", "eastus-2", "Standard_D8s_v5", `azure://${lab.azure.vmId("node-c")}`],
      ],
    );
  });

  it("serves kubectl logs and exec, and connects pods, nodes and the API server", async () => {
    const [here, there] = [await podOn("node-a"), await podOn("node-c")];
    assert.equal(await lab.kubectl(["logs", here.name]), "serving\n");
    assert.equal(
      await lab.kubectl(["exec", here.name, "--", "wget", "-qO-", `http://${there.address}/hostname`]),
      `${there.name}\n`,
    );
    const reach = `nc -w 5 ${lab.network.apiService} 443 < /dev/null && echo reached`;
    assert.equal(await lab.kubectl(["exec", here.name, "--", "sh", "-c", reach]), "reached\n");
  });

  it("shows a disk on its node as Azure's guests see it, and no files of the machine", async () => {
    const { azure } = lab;
    const diskId = `/subscriptions/${azure.subscriptionId}/resourceGroups/${azure.resourceGroup}/providers/Microsoft.Compute/disks/data`;
    await makeDisk(azure, { diskUri: diskId, zone: "1" });
    const [a, b] = [lab.node("node-a"), lab.node("node-b")];
    const dataDisks = [{ lun: 3, createOption: "Attach", managedDisk: { id: diskId } }];
    await azure.call("PATCH", `${azure.vmId(a.name)}?api-version=2025-04-01`, {
      properties: { storageProfile: { dataDisks } },
    });
    const list = (node: LabNode): Promise<string> => node.exec(["find", "/dev/disk", "-type", "l"]);
    await waitUntil(
      "the disk at its node",
      { timeoutMs: POD_MAX_MS, signal },
      async () => (await list(a)) !== "" || undefined,
    );
    assert.deepEqual([await list(a), await list(b)], ["/dev/disk/azure/scsi1/lun3\n", ""]);
    await a.exec([
      "sh",
      "-c",
      "mkfs.ext4 -q /dev/disk/azure/scsi1/lun3 && mkdir -p /var/data && mount " +
        "/dev/disk/azure/scsi1/lun3 /var/data && echo kept > /var/data/file",
    ]);
    await assert.rejects(a.exec(["cat", lab.kubeconfig]), /No such file or directory/u);
  });

  it("powers off a node with all its processes, and boots it with a new boot id", async () => {
    const node = lab.node("node-b");
    const bootId = (): Promise<string> =>
      lab.kubectl(["get", "node", node.name, "--output=jsonpath={.status.nodeInfo.bootID}"]);
    const { address } = await podOn(node.name);
    const first = await bootId();
    const plug = (): Promise<string> => node.exec(["cat", "/sys/class/net/eth0/address"]);
    const hardware = await plug();
    await node.exec(["touch", "/var/kept", "/run/lost"]);
    await node.kill();
    assert.equal(await answers(address), false);
    for (const act of [node.processId, node.freeze, node.thaw, node.partition, node.heal])
      await assert.rejects(act(), /^Error: node-b is off$/u);

    await node.start(signal);
    await assert.rejects(node.start(signal), /^Error: node-b is on$/u);
    await waitUntil(
      "the node's new boot id",
      { timeoutMs: POD_MAX_MS, signal },
      async () => (await bootId()) !== first || undefined,
    );
    await waitUntil(
      "its pod to run again",
      { timeoutMs: POD_MAX_MS, signal },
      async () => (await answers((await podOn(node.name)).address)) || undefined,
    );
    assert.equal(await plug(), hardware, "a different machine id would make it another machine");
    assert.equal(
      await node.exec(["sh", "-c", "cd /; ls var/kept run/lost 2>/dev/null || true"]),
      "var/kept\n",
    );
  });

  it("freezes a node and thaws it, pods and all", async () => {
    const node = lab.node("node-c");
    const { address } = await podOn(node.name);
    await node.freeze();
    assert.equal(await answers(address), false);
    await node.thaw();
    await untilAnswers(address);
  });

  it("pulls a node's network plug and puts it back", async () => {
    const node = lab.node("node-c");
    const { address } = await podOn(node.name);
    await node.partition();
    assert.equal(await answers(address), false);
    await node.heal();
    await untilAnswers(address);
  });

  it("stops a kubelet and leaves its pods running", async () => {
    const node = lab.node("node-c");
    const { name, address } = await podOn(node.name);
    await node.stopKubelet();
    // The kubelet stays stopped, even under repeated requests.
    await untilAnswers(address);
    await assert.rejects(lab.kubectl(["logs", name]), /refused/u);
    await node.startKubelet();
    await untilLogsServed(name);
  });

  for (const program of ["kubelet", "containerd"])
    it(`starts a ${program} again that has ended, as systemd would`, async () => {
      const node = lab.node("node-c");
      const { name } = await podOn(node.name);
      const running = async (): Promise<string> => {
        const find =
          `for pid in /proc/[0-9]*; do read -r comm < $pid/comm; ` +
          `if [ "$comm" = ${program} ]; then echo "\${pid#/proc/}"; fi; done 2> /dev/null; true`;
        return (await node.exec(["sh", "-c", find])).trim();
      };
      const ended = await running();
      assert.match(ended, /^\d+$/u);
      await node.exec(["kill", "-KILL", ended]);
      await waitUntil(`another ${program}`, { timeoutMs: POD_MAX_MS, signal }, async () => {
        const now = await running();
        return (now !== "" && now !== ended) || undefined;
      });
      await untilLogsServed(name);
    });

  it("kills API server and etcd, and puts etcd back to an older state", async () => {
    const configMaps = async (): Promise<string> =>
      lab.kubectl(["get", "configmaps", "--output=jsonpath={.items[*].metadata.name}"]);
    const backup = await lab.controlPlane.backUpEtcd("first");
    await lab.kubectl(["create", "configmap", "later"]);
    for (const program of ["kube-apiserver", "etcd"] as const) {
      await lab.controlPlane.kill(program);
      await lab.controlPlane.start(program, signal);
    }
    // An API server that ran when etcd died retries etcd after seconds, and fails calls until then.
    const kept = await waitUntil(
      "the API server to have found etcd again",
      { timeoutMs: POD_MAX_MS, signal },
      () => configMaps().catch(() => undefined),
    );
    assert.equal(kept, "kube-root-ca.crt later");
    await lab.controlPlane.restoreEtcd(backup, signal);
    assert.equal(await configMaps(), "kube-root-ca.crt");
  });

  it("is not removed by another clone of the project", async () => {
    await assert.rejects(stopLab(NAME, { clone: "/elsewhere" }), /belongs to the clone at/u);
  });

  it("is removed by any clone if it has outlived the test it was to end with", async () => {
    const home = labHome(OTHER_NAME);
    const { settings } = (await readLabRecord(labHome(NAME))) ?? assert.fail("the lab has no record");
    const claimed = await claimLab(home, { settings, clone: CLONE, endsWithStarter: true }, signal);
    await assert.rejects(stopLab(OTHER_NAME, { clone: "/elsewhere" }), /belongs to the clone at/u);
    const killed = spawn("cat", [], { stdio: ["pipe", "ignore", "ignore"] });
    const ended = once(killed, "exit");
    const starter = await identifyProcess(killed.pid ?? assert.fail("no process was started"));
    killed.kill("SIGKILL");
    await ended;
    await writeLabRecord(home, { ...claimed, starter: starter ?? assert.fail("the process has ended") });
    assert.equal(await stopLab(OTHER_NAME, { clone: "/elsewhere" }), true);
    assert.equal(await readLabRecord(home), undefined);
  });

  it("leaves no trace with a frozen node, a mounted disk and a dead control plane", async () => {
    const { mounts, ...traces } = await machineTraces(NAME, lab.network.hostLink);
    // Shows that the search for traces finds some.
    assert.deepEqual([mounts, Object.values(traces).filter((found) => found.length === 0)], [[], []]);
    await lab.node("node-a").freeze();
    await lab.controlPlane.kill("etcd");
    assert.equal(await stopLab(NAME, { clone: CLONE }), true);
    assert.deepEqual(await machineTraces(NAME, lab.network.hostLink), NO_TRACES);
    assert.deepEqual(await kernelSettings(), settingsBefore);
    assert.equal(await stopLab(NAME, { clone: CLONE }), false);
  });

  it("leaves no trace when its starter was killed on the way", async () => {
    const starter = spawn(process.execPath, [MAIN, "--no-driver", `--name=${OTHER_NAME}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await untilSaid(starter, "node-b: up");
    const ended = once(starter, "exit");
    starter.kill("SIGKILL");
    await ended;
    const record = await readLabRecord(labHome(OTHER_NAME));
    assert.equal(await stopLab(OTHER_NAME, { clone: CLONE }), true);
    assert.deepEqual(await machineTraces(OTHER_NAME, labNetwork(record?.slot ?? 0).hostLink), NO_TRACES);
  });

  it("ends by itself when the test that it belongs to is killed", async () => {
    const starter = spawn(process.execPath, [MORTAL, OTHER_NAME], { stdio: ["ignore", "pipe", "inherit"] });
    await untilSaid(starter, "node-a: up");
    const record = await readLabRecord(labHome(OTHER_NAME));
    starter.kill("SIGKILL");
    await waitUntil("the lab to be gone", { timeoutMs: POD_MAX_MS, signal }, async () => {
      const traces = await machineTraces(OTHER_NAME, labNetwork(record?.slot ?? 0).hostLink);
      return Object.values(traces).every((found) => found.length === 0) || undefined;
    });
  });
});

async function untilSaid(starter: ChildProcessByStdio<null, Readable, null>, what: string): Promise<void> {
  for await (const line of createInterface({ input: starter.stdout })) {
    if (line.includes(what)) return;
  }
  throw new Error(`it ended before it said "${what}"`);
}
