import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { runCommand } from "../../scripts/child/run-command.ts";
import { chartValues } from "../../scripts/generate/chart/chart-values.ts";
import type { Options } from "../../src/cli/options.ts";
import { readCommandLine } from "../../src/cli/read-command-line.ts";
import { controllerRole } from "../../src/compose/roles/controller-role.ts";
import { nodeRole } from "../../src/compose/roles/node-role.ts";
import { preStopCommand } from "../../src/compose/roles/pre-stop-command.ts";
import { preflightCommand } from "../../src/compose/roles/preflight-command.ts";
import { schedulerExtenderRole } from "../../src/compose/roles/scheduler-extender-role.ts";
import { buildOnce } from "../../testbed/build/build-once.ts";
import { kubeconfig } from "../../testbed/lab/cluster/kubeconfig.ts";
import { buildKubernetes, kubernetesOfTests } from "../../testbed/parts/build-kubernetes.ts";
import { renderChart } from "./render-chart.ts";
import type { Manifest } from "./render-chart.ts";
import { whyNoHelm } from "./run-helm.ts";
import { VALUE_SETS } from "./value-sets.ts";

/** A first run may have to build the Kubernetes programs. */
const BUILD_TIMEOUT_MS = 1_500_000;
const PROGRAMS: readonly { readonly name: string; readonly options: Options }[] = [
  controllerRole,
  nodeRole,
  schedulerExtenderRole,
  preStopCommand,
  preflightCommand,
];
/** Containers, and the programs that they run. */
const SIDECARS: Readonly<Record<string, string>> = {
  "csi-provisioner": "csi-provisioner",
  "csi-attacher": "csi-attacher",
  "csi-resizer": "csi-resizer",
  "csi-snapshotter": "csi-snapshotter",
  "csi-snapshot-controller": "snapshot-controller",
};

const NOWHERE = "/nowhere/kubeconfig";
const NO_CLUSTER = kubeconfig({
  server: "https://127.0.0.1:1",
  clusterName: "none",
  ca: "",
  certificate: "",
  key: "",
});

interface Container {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string }[];
  readonly lifecycle?: { readonly preStop?: { readonly exec: { readonly command: readonly string[] } } };
}

interface PodSpec {
  readonly containers: readonly Container[];
}

function containersOf(manifests: readonly Manifest[]): readonly Container[] {
  return manifests.flatMap(
    ({ kind, spec }) =>
      (kind === "Pod"
        ? (spec as PodSpec)
        : (spec as { readonly template?: { readonly spec: PodSpec } } | undefined)?.template?.spec
      )?.containers ?? [],
  );
}

/** Arguments as the kubelet makes them: of a variable that the container does not have, its name stays. */
function expanded({ args = [], env = [] }: Container): readonly string[] {
  const known = env.map(({ name }) => `$(${name})`);
  return args.map((argument) => known.reduce((text, name) => text.replaceAll(name, "a"), argument));
}

/** What follows the program, which Node runs on Windows. */
function roleAndFlagsOf(command: readonly string[]): readonly string[] {
  return command.slice(command[0]?.endsWith("node.exe") === true ? 2 : 1);
}

describe(
  "arguments of the chart's containers",
  { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS },
  () => {
    it("are settings that the roles have", async () => {
      const seen = new Set<string>();
      for (const [name, values] of Object.entries(VALUE_SETS)) {
        for (const container of containersOf(await renderChart(values)).filter((each) =>
          ["azuredisk", "preflight"].includes(each.name),
        )) {
          for (const [roleName = "", ...rest] of [
            expanded(container),
            roleAndFlagsOf(container.lifecycle?.preStop?.exec.command ?? []),
          ].filter((line) => line.length > 0)) {
            const role = PROGRAMS.find((each) => each.name === roleName);
            assert.ok(role !== undefined, `there is no role ${roleName}`);
            const command = readCommandLine({ name, usage: "", options: role.options }, rest);
            assert.ok(command.kind === "Run", command.kind === "Run" ? "" : `${roleName}: ${command.text}`);
            seen.add(roleName);
          }
        }
      }
      assert.deepEqual([...seen].toSorted(), PROGRAMS.map((program) => program.name).toSorted());
    });

    it("give the preflight those of the controller's settings that it has", async () => {
      const { controller } = chartValues();
      const settable = controller?.kind === "group" ? controller.values["settings"] : undefined;
      assert.ok(settable?.kind === "group");
      const shared = Object.keys(settable.values).filter((name) => name in preflightCommand.options);
      assert.ok(shared.includes("azure-vm-api-version") && shared.includes("azure-disk-api-version"));
      const valueOf = (name: string): string => (name === "silent-nodes" ? "power-off" : "2024-07-01");
      const settings = Object.fromEntries(shared.map((name) => [name, valueOf(name)]));
      const [preflight] = containersOf(await renderChart({ controller: { settings } })).filter(
        ({ name }) => name === "preflight",
      );
      assert.deepEqual(
        shared.filter((name) => !(preflight?.args ?? []).includes(`--${name}=${valueOf(name)}`)),
        [],
      );
    });

    it("are flags of the sidecars and the scheduler in the versions that the lab runs", async () => {
      const { signal } = new AbortController();
      const { imageFiles } = await buildKubernetes(
        (part) => buildOnce(part, (line) => console.log(line), signal),
        kubernetesOfTests(),
      );
      const fileOf = (name: string): string => imageFiles[name] ?? assert.fail(`${name} is not built`);
      const manifests = await renderChart({
        snapshot: { enabled: true },
        controller: { sidecarMetrics: { enabled: true } },
      });
      const seen = new Set<string>();
      for (const { name, args = [] } of containersOf(manifests)) {
        const program = SIDECARS[name];
        if (program === undefined) continue;
        const { code, output } = await runCommand(fileOf(program), [...args, "--version"], { cwd: "/" });
        assert.equal(code, 0, `${name}: ${output}`);
        seen.add(name);
      }
      for (const values of Object.values(VALUE_SETS))
        for (const { name, args = [] } of containersOf(await renderChart(values))) {
          const program = SIDECARS[name];
          if (program === undefined) continue;
          // What each reads next after it has found that it knows all feature gates.
          const all = [...args, `--kubeconfig=${NOWHERE}`];
          const { output } = await runCommand(fileOf(program), all, {
            cwd: "/",
            timeoutMs: 60_000,
            // csi-provisioner prefers it to the flag, and docs/lab.md has it exported.
            env: { KUBECONFIG: "" },
          });
          assert.match(output, new RegExp(`stat ${NOWHERE}: no such file`, "u"), `${name}: ${output}`);
        }
      assert.deepEqual([...seen].toSorted(), Object.keys(SIDECARS).toSorted());
      const folder = await mkdtemp(join(tmpdir(), "scheduler-config-"));
      try {
        const config = manifests.find(
          ({ kind, metadata }) =>
            kind === "ConfigMap" && metadata.name === "csi-azuredisk-scheduler-extender",
        );
        const { "config.yaml": text = "" } = (config?.["data"] ?? {}) as Readonly<Record<string, string>>;
        // It needs the address of an API server, but sends no request.
        await writeFile(
          join(folder, "config.yaml"),
          `${text}clientConnection: { kubeconfig: ${folder}/kubeconfig }\n`,
        );
        await writeFile(join(folder, "kubeconfig"), NO_CLUSTER);
        const args = [
          `--config=${folder}/config.yaml`,
          `--write-config-to=${folder}/written.yaml`,
          "--secure-port=0",
        ];
        const { output } = await runCommand(fileOf("kube-scheduler"), args, {
          cwd: folder,
          timeoutMs: 600_000,
        });
        assert.match(output, /Wrote configuration/u);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  },
);
