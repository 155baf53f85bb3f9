/** A log to standard error, whose process dies by SIGKILL once it has said a certain thing. */
import { type Logger, pino } from 'pino'

/** `isLast`: asked of each message once. `ms`: how long it lives on; at 0 it dies within the log call, and nothing after it has begun. */
export function dyingLog(isLast: (message: string) => boolean, ms = 0): Logger {
  const die = () => process.kill(process.pid, 'SIGKILL')
  return pino(
    {
      hooks: {
        logMethod(args, method) {
          method.apply(this, args)
          if (!isLast(String(args.at(-1)))) return
          if (ms) setTimeout(die, ms)
          else die()
        },
      },
    },
    pino.destination({ fd: 2, sync: true }),
  )
}
