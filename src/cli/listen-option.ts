/** `--listen`, of the commands that keep running. */
import { type Command, InvalidArgumentError } from 'commander'
import { type ListenAddress, parseListenAddress } from '../operations/listen-address.ts'

export function addListenOption(command: Command): Command {
  return command.option(
    '--listen <address:port>',
    'serve /healthz, /readyz and /metrics there, over plain HTTP to whoever reaches it (default: nowhere)',
    readAddress,
  )
}

function readAddress(text: string): ListenAddress {
  try {
    return parseListenAddress(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}
