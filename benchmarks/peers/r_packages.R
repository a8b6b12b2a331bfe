# mrgsolve or rxode2, resident: answers the questions described in benchmarks/worker.py, line by line.
# Arguments: package, folder with the parameter tables, rtol, atol.

arguments <- commandArgs(trailingOnly = TRUE)
package <- arguments[1]
folder <- arguments[2]
rtol <- as.numeric(arguments[3])
atol <- as.numeric(arguments[4])

plasma <- c(
  A1 = "-CL*C1 - Q2*(C1-C2) - Q3*(C1-C3)",
  A2 = "Q2*(C1-C2)",
  A3 = "Q3*(C1-C3)"
)
body <- c(
  DEP = "-KA*DEP",
  A1  = "0.20*KA*DEP - EL - Q2*(C1-C2) - Q3*(C1-C3)",
  A2  = "Q2*(C1-C2)",
  A3  = "Q3*(C1-C3)",
  M1  = "0.941*(0.80*EL + 0.60*KA*DEP) - CLM*N1 - QM*(N1-N2)",
  M2  = "QM*(N1-N2)",
  CE  = "KE0*(C1-CE)",
  CEN = "KE0N*(N1-CEN)",
  TOL = "KTOL*(CE-TOL)",
  RSP = "KOUT*(1+E) - KOUT*RSP"
)
stiff <- body
stiff["CE"] <- "KE0*(ART-CE)"
stiff <- c(stiff, ART = "500*(C1-ART)", RO = "500*((S/E50)*(1-RO) - RO)")
concentrations <- c(C1 = "A1/V1", C2 = "A2/V2", C3 = "A3/V3")
signal <- c(concentrations, N1 = "M1/VM1", N2 = "M2/VM2", EL = "VMAX*C1/(KM+C1)", S = "CE + 0.15*CEN", E50 = "EC50*(1+TOL/TC50)")

workloads <- list(
  W1 = list(formulas = concentrations, odes = plasma, read = "CP"),
  W2 = list(formulas = concentrations, odes = c(plasma, CE = "KE0*(C1-CE)"), read = c("CP", "CE")),
  W3 = list(formulas = c(signal, E = "EMAX*S*S/(E50*E50+S*S)"), odes = body, read = c("CP", "NP", "CE", "RSP")),
  W4 = list(formulas = c(signal, E = "EMAX*RO"), odes = stiff, read = c("CP", "NP", "CE", "RSP"))
)
grid <- function(name) if (name == "W1") (0:240) / 10 else 3 * (0:240) / 5

# Doses of one subject: infusions into A1, and for W3 and W4 boluses into DEP, every 24 h.
doses <- function(name) {
  if (name == "W1") return(data.frame(time = 0, amt = 35, rate = 52.5, ii = 0, addl = 0L, cmt = "A1"))
  given <- data.frame(time = 0, amt = 100, rate = 25, ii = 24, addl = 4L, cmt = "A1")
  if (name == "W2") given else rbind(given, data.frame(time = 10, amt = 50, rate = 0, ii = 24, addl = 4L, cmt = "DEP"))
}
equations <- function(left, right) paste0(left, " = ", right, ";", collapse = "\n")

mrgsolve_call <- function(name, table, variant, threads) {
  one <- workloads[[name]]
  nonlinear <- name %in% c("W3", "W4")
  code <- paste0(
    "$SET rtol=", rtol, ", atol=", atol, ", maxsteps=500000",
    if (name != "W1") paste0(", req=\"", paste(intersect(one$read, names(one$odes)), collapse = ","), "\""), "\n",
    "$PARAM ", paste0(names(table), "=", unlist(table[1, ]), collapse = ", "), "\n",
    "$CMT ", paste(names(one$odes), collapse = " "), "\n",
    if (nonlinear) "$MAIN RSP_0 = 1;\n",
    "$ODE\n", equations(paste("double", names(one$formulas)), one$formulas), "\n",
    equations(paste0("dxdt_", names(one$odes)), one$odes), "\n",
    "$TABLE\ncapture CP = A1/V1;\n", if (nonlinear) "capture NP = M1/VM1;\n"
  )
  # A name of its own, so that the compiled model is never one from before.
  model <- mcode(paste0("benchmark", name, Sys.getpid()), code, quiet = TRUE)
  plan <- doses(name)
  plan$cmt <- match(plan$cmt, names(one$odes))
  times <- grid(name)
  records <- function() {
    who <- rep(seq_len(nrow(table)), each = nrow(plan))
    cbind(ID = who, plan[rep(seq_len(nrow(plan)), nrow(table)), ], evid = 1, table[who, , drop = FALSE])
  }
  if (name == "W1") {
    ready <- records()
    return(function() mrgsim_q(model, ready, stime = times, output = "df"))
  }
  function() mrgsim(model, data = records(), tgrid = times, recsort = 3, obsonly = TRUE, output = "df")
}

rxode2_call <- function(name, table, variant, threads) {
  one <- workloads[[name]]
  nonlinear <- name %in% c("W3", "W4")
  code <- paste0(
    if (nonlinear) "RSP(0) = 1;\n",
    equations(names(one$formulas), one$formulas), "\n",
    equations(paste0("d/dt(", names(one$odes), ")"), one$odes), "\n",
    "CP = A1/V1;\n", if (nonlinear) "NP = M1/VM1;\n"
  )
  model <- rxode2(code)
  plan <- cbind(doses(name), evid = 1L)
  events <- rbind(plan, data.frame(time = grid(name), amt = 0, rate = 0, ii = 0, addl = 0L, cmt = "A1", evid = 0L))
  events <- events[order(events$time, -events$evid), ]
  setRxThreads(threads)
  function() {
    rxSolve(model, table, events, cores = threads, method = variant, rtol = rtol, atol = atol,
                    maxsteps = 500000L, returnType = "data.frame", addDosing = FALSE)
  }
}

# The result of a call as (outputs, times, subjects), which R keeps in the order that is asked for.
arranged <- function(name, found) {
  found <- as.data.frame(found)
  count <- length(grid(name))
  if (nrow(found) %% count == 1 && name == "W1") found <- found[-1, ]  # the record of the dose
  stopifnot(nrow(found) %% count == 0)
  columns <- workloads[[name]]$read
  array(t(as.matrix(found[, columns, drop = FALSE])), c(length(columns), count, nrow(found) / count))
}

# Seconds of a call, for W1 the median of many, and processor time over time.
timed <- function(call, name) {
  seconds <- c()
  busy <- sum(proc.time()[c(1, 2, 4, 5)])
  while (length(seconds) == 0 || (name == "W1" && length(seconds) < 200 && sum(seconds) < 0.5)) {
    begin <- as.numeric(Sys.time())
    call()
    seconds <- c(seconds, as.numeric(Sys.time()) - begin)
  }
  c(median(seconds), (sum(proc.time()[c(1, 2, 4, 5)]) - busy) / sum(seconds))
}

built <- list()
last <- NULL
answer <- function(words) {
  if (words[1] == "build") {
    if (!requireNamespace(package, quietly = TRUE)) stop("the R package ", package, " is not installed")
    suppressPackageStartupMessages(library(package, character.only = TRUE))
    name <- words[3]
    table <- utils::read.csv(file.path(folder, paste0(name, ".csv")), nrows = as.integer(words[4]))
    make <- if (package == "mrgsolve") mrgsolve_call else rxode2_call
    last <<- words[-1]
    built[[paste(last, collapse = " ")]] <<- make(name, table, words[2], as.integer(words[5]))
    return("ok")
  }
  if (words[1] == "save") {
    found <- arranged(last[2], built[[paste(last, collapse = " ")]]())
    target <- file(words[2], "wb")
    writeBin(as.numeric(found[, , seq_len(as.integer(words[3])), drop = FALSE]), target)
    close(target)
    return("ok")
  }
  invisible(gc())
  paste(format(timed(built[[paste(words[-1], collapse = " ")]], words[3]), digits = 15, trim = TRUE), collapse = " ")
}

input <- file("stdin", "r")
while (length(line <- readLines(input, 1)) > 0) {
  said <- tryCatch(
    answer(strsplit(line, " ")[[1]]),
    error = function(problem) paste("refused", gsub("\\s+", " ", conditionMessage(problem)))
  )
  cat("ANSWER ", said, "\n", sep = "")
  flush(stdout())
}
