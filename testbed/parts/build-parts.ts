import { link, readdir } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../../scripts/child/run-command.ts";
import { buildOnce } from "../build/build-once.ts";
import { debianPart } from "../build/debian-part.ts";
import { goPart } from "../build/go-part.ts";
import { hashInputs } from "../build/hash-inputs.ts";
import type { OnProgress, Part } from "../build/part.ts";
import { containerdModule } from "./containerd-module.ts";
import { helmModule } from "./helm-module.ts";
import { imagesPart } from "./images-part.ts";
import { KUBERNETES_PROGRAMS, kubernetesModule } from "./kubernetes-module.ts";

/** Everything the lab starts. */
export interface Parts {
  /**
   * A folder of programs, fit for PATH: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kubectl; containerd with its shim, ctr and runc; helm.
   */
  readonly bin: string;
  /** The folder of the CNI plug-ins: bridge, host-local, loopback, portmap and others. */
  readonly cni: string;
  /** A folder of OCI archives (`*.tar`): the images that pods need beside the driver's own. */
  readonly images: string;
  /** The archives in it, full paths, sorted. */
  readonly imageFiles: readonly string[];
}

const DEBIAN = { name: "debian", packages: ["busybox-static", "containernetworking-plugins", "runc"] } as const;
const RUNC = "usr/sbin/runc";
const CNI_FOLDER = "usr/lib/cni";

/**
 * Answers everything the lab starts, built and downloaded where the cache lacks it: about 11 minutes on two cores the first time, then at once.
 * Throws, naming the part, if Go or apt is missing or a build fails, and `signal`'s reason if it is aborted.
 */
export async function buildParts(onProgress: OnProgress, signal: AbortSignal): Promise<Parts> {
  const module = await kubernetesModule();
  const failure = new AbortController();
  const stop = AbortSignal.any([signal, failure.signal]);
  const build = async (part: Part): Promise<BuiltPart> => ({ key: part.key, folder: await buildOnce(part, onProgress, stop) });
  const inCluster = async (): Promise<Record<"debian" | "kubernetes" | "images", BuiltPart>> => {
    const debian = await build(await debianPart(DEBIAN));
    const kubernetes = await build(await goPart(module));
    return { debian, kubernetes, images: await build(await imagesPart(module, { kubernetes, debian })) };
  };
  const beside = async (): Promise<Record<"containerd" | "helm", BuiltPart>> => ({
    containerd: await build(await goPart(await containerdModule())),
    helm: await build(await goPart(await helmModule())),
  });
  // Side by side: while one downloads or links, the other compiles.
  const [{ images, ...cluster }, others] = await allOrNone([inCluster(), beside()], failure);
  const programs = await build(programsPart({ ...cluster, ...others }));
  const archives = (await readdir(images.folder)).toSorted();
  return {
    bin: programs.folder,
    cni: join(cluster.debian.folder, CNI_FOLDER),
    images: images.folder,
    imageFiles: archives.map((file) => join(images.folder, file)),
  };
}

/** What `work` answers; if one of it fails, the first failure, once the rest has been stopped by `failure` and has ended. */
async function allOrNone<T extends readonly Promise<unknown>[]>(
  work: readonly [...T],
  failure: AbortController,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  try {
    return await Promise.all(work);
  } catch (error) {
    failure.abort(error);
    await Promise.allSettled(work);
    throw error;
  }
}

interface BuiltPart {
  readonly folder: string;
  readonly key: string;
}

/** The only program that is linked against libraries of the machine. */
async function checkRunc(runc: string): Promise<void> {
  const { code, output } = await runCommand(runc, ["--version"], { cwd: "/" });
  if (code !== 0) throw new Error(`runc can't run here (it needs Debian's package libseccomp2): ${output.trim()}`);
}

/** One folder with every program by its own name, as links to the files of the other parts. */
function programsPart(built: Readonly<Record<"debian" | "kubernetes" | "containerd" | "helm", BuiltPart>>): Part {
  const names = new Map([
    ["runc", join(built.debian.folder, RUNC)],
    ...KUBERNETES_PROGRAMS.map((name) => [name, join(built.kubernetes.folder, "kubernetes")] as const),
    ...["containerd", "containerd-shim-runc-v2", "ctr"].map((name) => [name, join(built.containerd.folder, name)] as const),
    ["helm", join(built.helm.folder, "helm")],
  ]);
  return {
    name: "bin",
    key: hashInputs(
      Object.fromEntries([...Object.entries(built).map(([name, { key }]) => [name, key] as const), ["names", JSON.stringify([...names.keys()])]]),
    ),
    async build(target, tell) {
      tell("linking");
      for (const [name, file] of names) await link(file, join(target, name));
      await checkRunc(join(target, "runc"));
    },
  };
}
