#include "textflag.h"

// func raw(nr, a, b, c, d, e, f uintptr) (result, changed uintptr)
// Makes a system call and says which argument registers came back with another value, one bit each.
TEXT ·raw(SB), NOSPLIT, $0-72
	MOVQ nr+0(FP), AX
	MOVQ a+8(FP), DI
	MOVQ b+16(FP), SI
	MOVQ c+24(FP), DX
	MOVQ d+32(FP), R10
	MOVQ e+40(FP), R8
	MOVQ f+48(FP), R9
	SYSCALL
	MOVQ AX, result+56(FP)
	XORQ BX, BX
	CMPQ DI, a+8(FP)
	JEQ  2(PC)
	ORQ  $1, BX
	CMPQ SI, b+16(FP)
	JEQ  2(PC)
	ORQ  $2, BX
	CMPQ DX, c+24(FP)
	JEQ  2(PC)
	ORQ  $4, BX
	CMPQ R10, d+32(FP)
	JEQ  2(PC)
	ORQ  $8, BX
	CMPQ R8, e+40(FP)
	JEQ  2(PC)
	ORQ  $16, BX
	CMPQ R9, f+48(FP)
	JEQ  2(PC)
	ORQ  $32, BX
	MOVQ BX, changed+64(FP)
	RET
