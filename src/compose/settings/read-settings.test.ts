import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { controllerRole } from "../roles/controller-role.ts";
import { nodeRole } from "../roles/node-role.ts";
import { schedulerExtenderRole } from "../roles/scheduler-extender-role.ts";
import { standaloneRole } from "../roles/standalone-role.ts";
import { storeRole } from "../roles/store-role.ts";
import { readSettings, type RoleSettings } from "./read-settings.ts";

const noOptions = {};

describe("the settings of a role", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "read-settings-"));
    delete process.env["KUBERNETES_SERVICE_HOST"];
  });
  after(() => rm(folder, { recursive: true }));

  async function problems<T extends typeof noOptions>(
    role: RoleSettings<T>,
    argv: readonly string[],
  ): Promise<readonly string[]> {
    const command = await readSettings(role, argv);
    return command.kind === "Refuse" ? command.problems : [];
  }

  it("are checked as a whole: addresses, names and ids", async () => {
    const flags = ["--endpoint=/no-endpoint", "--node-name=x", "--store-socket=/s", "--http-endpoint=8080"];
    const more = ["--metadata-endpoint=imds", "--vm-resource-id=vm", "--daemon-set=plugin"];
    assert.deepEqual(await problems(nodeRole, [...flags, ...more]), [
      '--endpoint: got "/no-endpoint"; expected unix://<path> or tcp://<host>:<port>',
      '--metadata-endpoint: got "imds"; expected https://… or http://…',
      '--vm-resource-id: got "vm"; expected ' +
        "/subscriptions/…/resourceGroups/…/providers/Microsoft.Compute/virtualMachines/<name>, or " +
        "…/virtualMachineScaleSets/<scale set>/virtualMachines/<instance id>",
      '--daemon-set: got "plugin"; expected namespace/name',
      '--http-endpoint: got "8080"; expected host:port, :port or [IPv6 address]:port, with a port from ' +
        "0 to 65535",
    ]);
  });

  it("refuse what is no name of a node, of a namespace or of a zone", async () => {
    const flags = ["--endpoint=unix:///s", "--store-socket=/s", "--namespace=", "--zone=eastus-1"];
    for (const name of ["", " ", "$(KUBE_NODE_NAME)", "a/b", "nöde", "n".repeat(254)])
      assert.deepEqual(await problems(nodeRole, [...flags, `--node-name=${name}`]), [
        '--namespace: got ""; expected the name of a namespace: 1 to 63 letters in lower case, digits, or -',
        `--node-name: got ${JSON.stringify(name)}; expected the name of a node: 1 to 253 letters, digits, ` +
          "or any of - _ .",
        '--zone: got "eastus-1"; expected a zone\'s number, such as 1, without its region; or nothing',
      ]);
    const good = ["--endpoint=unix:///s", "--store-socket=/s", "--zone=", "--vm-id=x"];
    for (const name of ["aks-pool-1.internal", "VM_1"])
      assert.deepEqual(await problems(nodeRole, [...good, `--node-name=${name}`]), []);
  });

  it("are checked with the files that they name, and against each other", async () => {
    const flags = ["--endpoint=unix:///s", "--store-socket=/s", "--kubeconfig=/k", "--cloud-config=/nope"];
    assert.deepEqual(await problems(controllerRole, [...flags, "--lease-renew-deadline-ms=15000"]), [
      "--store-socket: got it and --kubeconfig; expected one: the driver's objects are in one place only",
      "--cloud-config: got \"/nope\"; ENOENT: no such file or directory, open '/nope'",
      "--lease-renew-deadline-ms: got 15000; expected less than --lease-duration-ms (15000), or two " +
        "would lead " +
        "at once",
    ]);
  });

  it("are refused where a VM would be powered off for nothing", async () => {
    const flags = ["--endpoint=unix:///s", "--silent-nodes=power-off"];
    const found = await problems(controllerRole, [...flags, "--stopped-nodes=wait"]);
    assert.equal(
      found.at(-1),
      '--silent-nodes: got "power-off" with --stopped-nodes wait; expected --stopped-nodes mark, which frees ' +
        "the pods of a node whose VM is off",
    );
    assert.ok(!(await problems(controllerRole, flags)).some((problem) => problem.includes("silent-nodes")));
    const withoutKubernetes =
      '--silent-nodes: got "power-off" without Kubernetes; expected wait: no kubelet is heard of, and no ' +
      "pods are freed";
    const elsewhere = await problems(controllerRole, [...flags, "--store-socket=/s"]);
    assert.equal(elsewhere.at(-1), withoutKubernetes);
    const alone = [...flags, "--store-file=/s", "--node-name=node-a"];
    assert.equal((await problems(standaloneRole, alone)).at(-1), withoutKubernetes);
  });

  it("name the flag of what is missing", async () => {
    const missing = await problems(controllerRole, ["--endpoint=unix:///s"]);
    assert.match(missing[0] ?? "", /^--kubeconfig: is not given, and this is no pod of Kubernetes/u);
    assert.match(missing[1] ?? "", /^--subscription-id: subscriptionId is missing from the Azure settings/u);
    const metadata = [
      "--metadata-ca-file=/nope",
      "--store-socket=/s",
      "--node-name=x",
      "--endpoint=unix:///s",
    ];
    assert.match((await problems(nodeRole, metadata))[0] ?? "", /^--metadata-ca-file: got "\/nope"; ENOENT/u);
    const extender = await problems(schedulerExtenderRole, ["--kubeconfig=/nope"]);
    assert.match(extender[0] ?? "", /^--kubeconfig: got "\/nope"; can't be read: ENOENT/u);
  });

  it("refuse a file without a certificate where one has to be", async () => {
    const file = join(folder, "ca.pem");
    await writeFile(file, "no certificate\n");
    const flags = [
      `--metadata-ca-file=${file}`,
      "--store-socket=/s",
      "--node-name=x",
      "--endpoint=unix:///s",
    ];
    const expected = "expected a PEM file with a line -----BEGIN CERTIFICATE-----";
    assert.deepEqual(await problems(nodeRole, flags), [
      `--metadata-ca-file: got ${JSON.stringify(file)}; ${expected}`,
    ]);
    for (const text of [
      "comment\r\n-----BEGIN CERTIFICATE-----\r\n",
      "\uFEFF-----BEGIN CERTIFICATE-----\n",
      "-----BEGIN CERTIFICATE----- \t\n",
    ]) {
      await writeFile(file, text);
      assert.deepEqual(await problems(nodeRole, flags), [], JSON.stringify(text));
    }
  });

  it("accept every form of an address to listen on", async () => {
    for (const address of [":8080", "[::]:8080", "0.0.0.0:0"]) {
      const flags = ["--file=f", "--socket=s", `--http-endpoint=${address}`];
      const command = await readSettings(storeRole, flags);
      assert.equal(command.kind === "Run" ? command.values.httpEndpoint : command.kind, address);
    }
  });

  it("come from one file, which is named if it can't be used", async () => {
    const file = join(folder, "s.yaml");
    await writeFile(file, "file: f\nsocket: s\nlog-level: debug\n");
    const command = await readSettings(storeRole, ["--config", file, "--socket=other"]);
    assert.deepEqual(command.kind === "Run" ? [command.values.socket, command.values.logLevel] : [], [
      "other",
      "debug",
    ]);
    for (const [content, problem] of [
      ["[]", /; must be a mapping of settings to values$/u],
      ["config: more.yaml", /; has the setting config itself/u],
    ] as const) {
      await writeFile(file, content);
      const [said = ""] = await problems(storeRole, ["--config", file]);
      assert.ok(said.startsWith(`--config: got ${JSON.stringify(file)}`), said);
      assert.match(said, problem);
    }
    const [absent = ""] = await problems(storeRole, ["--config=/nope"]);
    assert.match(absent, /^--config: got "\/nope"; ENOENT/u);
    assert.equal((await readSettings(storeRole, ["--config=/nope", "-h"])).kind, "Print");
  });
});
