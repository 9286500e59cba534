"""The words that the guard of the semantic cache goes by, in English and Portuguese, in lower case and without accents.

What must not live here: how they are used (`semantic_guard`).
"""

from typing import Final

__all__ = ["COMMON", "NEGATIONS", "NUMBERS", "OPPOSITES", "PORTUGUESE", "STOP_WORDS"]


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NUMBERS: Final = {
    pair[0]: pair[1]
    for pair in (
        said.split("=")
        for said in words(
            """
    zero=0 two=2 three=3 four=4 five=5 six=6 seven=7 eight=8 nine=9 ten=10 eleven=11 twelve=12 dois=2 tres=3 quatro=4 cinco=5 seis=6
    sete=7 oito=8 nove=9 dez=10 onze=11 doze=12 duas=2 hundred=100 cem=100 cento=100 thousand=1000 mil=1000 million=1e6 milhao=1e6
    milhoes=1e6 half=1/2 metade=1/2 meio=1/2 meia=1/2 twice=2 double=2 dobro=2 once=1 first=1 second=2 third=3 primeiro=1 primeira=1
    segundo=2 segunda=2 terceiro=3 terceira=3 twenty=20 thirty=30 forty=40 fifty=50 vinte=20 trinta=30 quarenta=40 cinquenta=50
            """
        )
    )
}
"""Words for numbers → the number. "One", "um" and "uma" are articles more often than numbers."""

NEGATIONS: Final = words(
    """
    no not nor never none nothing nobody neither cannot cant wont dont doesnt didnt isnt arent wasnt werent shouldnt wouldnt couldnt
    hasnt havent hadnt without except unless nao nem nunca jamais nada ninguem nenhum nenhuma sem exceto salvo menos
    """
)

OPPOSITES: Final = words(
    """
    disable deactivate forbid deny block unblock unlock close closes closed closing stop end delete remove decrease lower reduce less
    fewer least minimum min lowest smallest shortest worst before until since off down right north south west sell receive lose hate
    negative false yes descending against cons disadvantage disadvantages drawbacks weaknesses output export upload encode encrypt
    compress uninstall unsubscribe logout disconnect exclude reject refuse private internal remote old young cold cool late morning
    afternoon evening night am pm today tomorrow yesterday last next past future always sometimes below under outside illegal unsafe
    impossible female wife daughter mother sister aunt girl woman women monday tuesday wednesday thursday friday saturday sunday
    january february march april june july august september october november december arrive arrival expensive slow slowest only
    instead

    desativar desativo desativa desative proibir bloquear desbloquear bloqueio desbloqueio fechar fecha fecham fecho parar terminar
    excluir excluo apagar apago remover diminuir diminua diminuo reducao reduzir minimo minima menor menores pior piores antes ate
    fora abaixo sob direita norte sul leste oeste vender vendo receber recebo perder odiar negativo negativa falso sim decrescente
    contra desvantagem desvantagens riscos saida exportar codificar criptografar desinstalar desconectar rejeitar recusar privado
    privada interno interna remoto velho velha cedo tarde manha noite hoje amanha ontem ultimo ultima proximo proxima passado futuro
    sempre ilegal inseguro impossivel frio feminino esposa filha mae irma tia menina mulher mulheres terca quarta quinta sexta sabado
    domingo janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro chegar chega chegada caro cara
    lento lenta so somente apenas
    """
)
"""Words whose presence in one text alone turns its meaning; of a pair that only two words make, one is enough."""

STOP_WORDS: Final = words(
    """
    a an the of to is are was were be been am do does did i you he she it we they me my your his her its our their this that these
    those and or as at by with can could would should will may might must please what which there here have has had so if then than
    just tell give get want need like know show much many some any about o os um uma uns umas e ou da dos das no na nos nas ao aos em
    que qual quais como se eu voce voces ele ela eles elas meu minha meus minhas seu sua seus suas este esta isto esse essa isso
    aquele aquela aquilo pode posso podem poderia seria foi era sao ser estar estou tem tenho ha haver favor quero queria preciso
    gostaria saber dizer diga mostre muito muita algum alguma
    """
)
"""Words that carry no meaning of their own."""

COMMON: Final = words(
    """
    de para por com in on for from into out mais more how que who where when why quando onde quem como sobre em entre
    """
)
"""Words that stand in nearly every sentence: as single words they tell nothing."""

PORTUGUESE: Final = words(
    """
    o os as da das do dos de que em na nas um uma para por com ao e se meu minha eu voce vou quero como qual nao
    """
)
"""With one of them "no" is Portuguese, and denies nothing."""
