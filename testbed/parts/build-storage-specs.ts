import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../../scripts/child/run-command.ts";
import { buildOnce } from "../build/build-once.ts";
import { debianPart } from "../build/debian-part.ts";
import { goPart } from "../build/go-part.ts";
import type { OnProgress } from "../build/part.ts";
import { buildNodeShell, type NodeShell } from "./build-node-shell.ts";
import { LAB_PACKAGES } from "./build-parts.ts";
import { imagesPart } from "./images-part.ts";
import { storageSpecsModule } from "./kubernetes-module.ts";
import { storageSpecImages } from "./storage-spec-images.ts";

/** Kubernetes' own specs of CSI drivers ("External Storage"), ready to run. */
export interface StorageSpecs {
  /** The command that runs them side by side. */
  readonly ginkgo: string;
  /** The specs, as Ginkgo starts them. */
  readonly program: string;
  /** OCI archives of the images of their pods. */
  readonly images: readonly string[];
  /** With it they stop and start kubelets. */
  readonly nodeShell: NodeShell;
}

/**
 * Built unless they are in the cache: two minutes after the lab's parts. Throws if Go is missing or a build
 * fails.
 */
export async function buildStorageSpecs(onProgress: OnProgress, signal: AbortSignal): Promise<StorageSpecs> {
  const debian = await buildOnce(await debianPart(LAB_PACKAGES), onProgress, signal);
  const programs = await buildOnce(await goPart(await storageSpecsModule()), onProgress, signal);
  const program = join(programs, "storage-specs.test");
  const part = await imagesPart({
    name: "storage-spec-images",
    built: { debian, programs },
    programs: { agnhost: join(programs, "agnhost") },
    images: async (contents) => storageSpecImages(contents, await listImages(program)),
  });
  const folder = await buildOnce(part, onProgress, signal);
  const images = (await readdir(folder)).map((file) => join(folder, file));
  const nodeShell = await buildNodeShell(onProgress, signal);
  return { ginkgo: join(programs, "ginkgo"), program, images, nodeShell };
}

async function listImages(program: string): Promise<readonly string[]> {
  const { code, output } = await runCommand(program, ["--list-images"], { cwd: "/" });
  if (code !== 0) throw new Error(`${program} --list-images failed: ${output}`);
  return output.trim().split("\n");
}
