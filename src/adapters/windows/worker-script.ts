/** By this text a worker is recognized in the list of processes, whatever version started it. */
export const WORKER_MARK = "azuredisk-host-worker";

/**
 * What a PowerShell worker runs: it reads one call a line from its standard input, runs one cmdlet of a
 * closed list, and answers one line with the call's id. A call's parameters are data and are bound by name:
 * no text of a call is ever parsed as PowerShell. Without properties to select, the text of each object is
 * its `Value`. Properties of Windows' management classes come as these have them: an enumeration as its
 * number. It has no double quote: the whole script is one argument of a command line.
 */
export const WORKER_SCRIPT = `# ${WORKER_MARK}
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
$ConfirmPreference = 'None'
$utf8 = New-Object System.Text.UTF8Encoding $false
$reader = New-Object System.IO.StreamReader ([Console]::OpenStandardInput()), $utf8
$writer = New-Object System.IO.StreamWriter ([Console]::OpenStandardOutput()), $utf8
$writer.AutoFlush = $true
$allowed = @(
  'Add-PartitionAccessPath', 'Clear-Disk', 'Format-Volume', 'Get-CimInstance', 'Get-Disk', 'Get-Item',
  'Get-Partition', 'Get-Volume', 'Initialize-Disk', 'Invoke-CimMethod',
  'New-Partition', 'Remove-PartitionAccessPath', 'Repair-Volume', 'Resize-Partition', 'Set-Disk',
  'Set-Partition', 'Update-HostStorageCache', 'Write-VolumeCache'
)
function ConvertTo-Named($object) {
  $named = @{}
  foreach ($property in $object.PSObject.Properties) {
    if ($property.Value -is [System.Management.Automation.PSCustomObject]) {
      $named[$property.Name] = ConvertTo-Named $property.Value
    } else {
      $named[$property.Name] = $property.Value
    }
  }
  return $named
}
# The module Storage shows names for numbers, in the language of the machine. The object has the numbers.
function ConvertTo-Row($object, $select) {
  if ($object -isnot [ciminstance]) { return Select-Object -InputObject $object -Property $select }
  $row = @{}
  foreach ($name in $select) { $row[$name] = $object.PSBase.CimInstanceProperties[$name].Value }
  return $row
}
while ($null -ne ($line = $reader.ReadLine())) {
  $call = ConvertFrom-Json -InputObject $line
  try {
    if ($allowed -cnotcontains $call.cmdlet) { throw ('cmdlet ' + $call.cmdlet + ' is not allowed') }
    $named = ConvertTo-Named $call.parameters
    # The preferences above do not reach the functions of a module, as most of these cmdlets are.
    if (-not $named.ContainsKey('ErrorAction')) { $named['ErrorAction'] = 'Stop' }
    $named['WarningAction'] = 'SilentlyContinue'
    $select = @($call.select)
    $found = @(& $call.cmdlet @named)
    if ($select.Count -eq 0) {
      $rows = @($found | ForEach-Object { @{ Value = [string]$_ } })
    } else {
      $rows = @($found | ForEach-Object { ConvertTo-Row $_ $select })
    }
    $answer = @{ id = $call.id; ok = $true; rows = $rows }
  } catch {
    $answer = @{ id = $call.id; ok = $false; error = $_.Exception.Message }
  }
  $writer.WriteLine((ConvertTo-Json -InputObject $answer -Compress -Depth 4))
}
`;
