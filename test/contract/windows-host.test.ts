import { hostProvisionerContract } from "./host-provisioner-contract.ts";
import { makeWindowsHostWorld } from "./windows/windows-host-world.ts";

hostProvisionerContract("Windows host on a PowerShell double", makeWindowsHostWorld, { platform: "windows" });
